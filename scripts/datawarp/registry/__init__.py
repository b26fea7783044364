"""Publications, units, periods, and the models of the configuration."""
