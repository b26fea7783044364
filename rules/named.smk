# Units by their names, as publications are asked for by theirs; and a clear text for a target that there is not.

for word in bare_words(sys.argv[1:]):
    if workflow.is_rule(word):
        continue
    unit = PLAN.unit_called(word)
    if unit is None:
        refuse_target(word)
        continue

    rule:
        name:
            word
        input:
            str(REGISTRY.path),
            due_targets_of(unit),
        localrule: True
        message:
            f"all that was pending of {unit} is done"
