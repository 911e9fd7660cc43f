"""The built-in provisioners, as YAML that anybody can read and copy."""
