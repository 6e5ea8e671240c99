//! Data folders: reading, importing, generating, and cutting into tasks.
