//! Paths of the programs.

use std::path::PathBuf;
use std::process::Command;

/// The program of this name, from the folder that contains the built tests. `cargo test --workspace` builds all programs; for a
/// test that runs alone, this function builds the program.
///
/// # Panics
/// If the program cannot be built.
pub(crate) fn program(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("this program's path");
    let profile = test.parent().and_then(|deps| deps.parent()).expect("the folder of the profile");
    let program = profile.join(name);
    if !program.exists() {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let built = Command::new(cargo).args(["build", "--locked", "--package", name]).status();
        assert!(built.is_ok_and(|status| status.success()) && program.exists(), "{name} cannot be built");
    }
    program
}
