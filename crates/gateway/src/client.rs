//! The JavaScript client, as it was built in.

use bytes::Bytes;
use fanfare::ClientBundle;

const FILES: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/client_files.rs"));

/// The files, unless they were not there when the program was built.
pub(crate) fn bundle() -> Option<ClientBundle> {
    ClientBundle::from_files(FILES.iter().map(|(name, content)| (*name, Bytes::from_static(content))))
}
