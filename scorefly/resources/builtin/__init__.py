"""The provisioners that come with scorefly, as YAML that anybody can read and copy."""
