//! Takes the file that reads and writes token files as it is, and puts turmoil's files in the place of
//! the standard library's, and what may fail between two steps of a save.

use std::{env, fs, path::PathBuf};

/// What stands in the file once, and what takes its place.
const CHANGES: [(&str, &str); 8] = [
    ("fs::{self, DirBuilder, File, OpenOptions},\n", ""),
    (
        "use super::lock::Lock;\n",
        "use super::{Lock, disk::{self as power, fs::{self, DirBuilder, File, OpenOptions}, tempfile}};\n",
    ),
    // Turmoil knows nothing of who may read a file.
    (
        "            file.set_permissions(fs::Permissions::from_mode(0o600))?;\n",
        "            let _ = (file, fs::Permissions::from_mode(0o600));\n",
    ),
    // Nor of descriptors of directories.
    (
        "    File::open(directory)?.sync_all()?;\n",
        "    if !power::is(\"the directory is not flushed\") {\n        power::flush(directory)?;\n    }\n",
    ),
    (
        "    temporary.as_file().sync_all()?;\n",
        "    if !power::is(\"the file is not flushed\") {\n        temporary.as_file().sync_all()?;\n    }\n",
    ),
    (
        "    // With mode 0600 from the start. Deleted if anything fails.\n",
        "    if power::is(\"written in place\") {\n        return power::write_in_place(path, bytes);\n    }\n",
    ),
    (
        "//! The file itself: read, written in one step, and locked.\n",
        "",
    ),
    // Its own error tells what a person needs to know.
    (
        "use crate::{Error, ErrorKind};\n",
        "use super::{Error, ErrorKind};\n",
    ),
];

fn main() {
    println!("cargo::rerun-if-changed=../../src/stores/file/disk.rs");
    println!("cargo::rerun-if-changed=build.rs");
    let mut text = fs::read_to_string("../../src/stores/file/disk.rs").expect("the file");
    for (from, to) in CHANGES {
        assert_eq!(
            text.matches(from).count(),
            1,
            "this is to be there once:\n{from}"
        );
        text = text.replace(from, to);
    }
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it")).join("store.rs");
    fs::write(out, text).expect("space for a source file");
}
