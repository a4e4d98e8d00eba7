"""Stand-in for awsglue: a text source with bookmarks over local folders, state in the file FAKE_BOOKMARK names."""
