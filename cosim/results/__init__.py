"""What a run leaves: its folder, tables, manifest, and reading them back. It computes no indicator and knows
no device, market or grid."""
