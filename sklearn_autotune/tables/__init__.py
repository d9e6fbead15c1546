"""Raw tables: checks of target and metadata, preparation of columns, profiles."""
