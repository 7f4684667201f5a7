"""From YAML to a checked, frozen scenario, and to who takes part in it: the schema assembled from each room's
Config, error wording with line numbers, population and placement. Nothing is simulated here."""
