//! Embeds the files of the official JavaScript client, where npm has installed them.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let here = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("set by cargo"));
    let installed = here.join("client/node_modules/socket.io-client/dist");
    println!("cargo::rerun-if-changed={}", installed.display());
    let mut list = String::from("&[");
    for name in client_files(&installed)? {
        let path = installed.join(&name);
        write!(list, "({name:?}, include_bytes!({path:?}).as_slice()),").expect("memory takes what is written to it");
    }
    list.push(']');
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("set by cargo"));
    fs::write(out.join("client_files.rs"), list)
}

/// The scripts and their maps; none where the package is not installed, which the program says when it starts.
fn client_files(folder: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    match fs::read_dir(folder) {
        Ok(entries) => {
            for entry in entries {
                names.extend(entry?.file_name().into_string().ok());
            }
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    names.retain(|name| name.ends_with(".js") || name.ends_with(".js.map"));
    names.sort();
    Ok(names)
}
