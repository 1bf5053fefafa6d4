"""Shared files of a cell, whatever serves them: `cellctl:files:FolderTree`."""
