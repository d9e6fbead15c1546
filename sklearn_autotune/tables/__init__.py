"""Raw tables: checks of the target and the metadata, preparation of columns, profiles of columns."""
