//! The examples as programs.

use std::{
    env,
    path::{Path, PathBuf},
    sync::OnceLock,
    time::SystemTime,
};

/// Cargo builds the examples with the tests, but not if one test alone is asked for: then what is
/// there is missing or out of date. `source` is the example's file or folder.
pub(crate) fn executable(name: &str, source: &str) -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let test = env::current_exe().unwrap();
        let profile = test.parent().and_then(Path::parent).unwrap();
        let file = format!("{name}{}", env::consts::EXE_SUFFIX);
        let executable = profile.join("examples").join(file);
        let sources = Path::new(env!("CARGO_MANIFEST_DIR"));
        let newest = changed(&sources.join(source)).max(changed(&sources.join("src")));
        if !executable.exists() || changed(&executable) < newest {
            let mut build = std::process::Command::new(env!("CARGO"));
            build.args(["build", "--example", name]);
            build.current_dir(sources);
            // What cargo tells this test about itself would rebuild crates that look at it.
            let told = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_CRATE_"];
            for (variable, _) in env::vars_os() {
                let variable = variable.to_string_lossy();
                if told.iter().any(|prefix| variable.starts_with(prefix)) {
                    build.env_remove(&*variable);
                }
            }
            if profile.ends_with("release") {
                build.arg("--release");
            }
            assert!(build.status().unwrap().success());
        }
        assert!(executable.exists(), "{} is missing", executable.display());
        executable
    })
}

/// When the file, or the newest of the files in the folder, was changed.
fn changed(path: &Path) -> SystemTime {
    if !path.is_dir() {
        return path.metadata().unwrap().modified().unwrap();
    }
    let entries = path.read_dir().unwrap();
    let times = entries.map(|entry| changed(&entry.unwrap().path()));
    times.max().unwrap_or(SystemTime::UNIX_EPOCH)
}
