//! API keys and client certificates of a key file.

mod entry;
mod file;
mod format;
mod hex;
mod live;

pub use entry::{InvalidKeyFile, KeyEntry};
pub use file::{KeyFile, KeyFileError, NewCredential, NewEntry};
pub use format::{API_KEY_PREFIX, ApiKey};
pub(crate) use live::LiveKeys;
