"""Pages of the site that are made from the code: rules, command lines, configuration."""
