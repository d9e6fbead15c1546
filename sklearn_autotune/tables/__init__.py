"""Raw tables: reading, checking, describing."""
