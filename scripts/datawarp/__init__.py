"""DataWarp: published statistics, from the workbooks on a web page to one trusted warehouse.

Data flows one way through the rooms (sub-packages), and no room imports one below it:

    registry → acquire → sheets → manifest → enrich → warehouse → publish → lifecycle → operations

``errors``, ``files`` and ``quick_yaml`` are the ground floor that every room stands on.
"""

__version__ = "0.1.0"
