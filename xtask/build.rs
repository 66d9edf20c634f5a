//! Builds into the program what it was built from: it must not ask the folder that it is run in.
//!
//! No program but the compiler is asked: `.git` is read as files, and without it (a source archive) the digest of the
//! sources stands alone. The script is run again when a source, a manifest or the checked-out commit changes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const CRATES: [&str; 5] = ["gmp-math", "gmp-autograd", "gmp-nn", "gmp-train", "xtask"];

fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let sources = digest_of_sources(&root);
    let revision = match commit(&root.join(".git")) {
        Some(commit) => format!("{commit}, sources {sources:016x}"),
        None => format!("sources {sources:016x}"),
    };
    println!("cargo:rustc-env=GMP_REVISION={revision}");
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = Command::new(rustc).arg("--version").output().ok().filter(|output| output.status.success());
    let version = version.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    println!("cargo:rustc-env=GMP_COMPILER={}", version.as_deref().unwrap_or("unknown"));
}

/// FNV-1a over the names and the content of everything that is compiled in, in the order of their names.
fn digest_of_sources(root: &Path) -> u64 {
    let mut files = vec![root.join("Cargo.toml"), root.join("Cargo.lock")];
    for name in CRATES {
        files.push(root.join(name).join("Cargo.toml"));
        walk(&root.join(name).join("src"), &mut files);
        walk(&root.join(name).join("data"), &mut files);
    }
    // For the same reason only what is there.
    files.retain(|file| file.is_file());
    files.sort();
    let mut digest: u64 = 0xcbf2_9ce4_8422_2325;
    let mut add = |bytes: &[u8]| {
        for byte in bytes {
            digest = (digest ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    };
    for file in files {
        println!("cargo:rerun-if-changed={}", file.display());
        add(file.strip_prefix(root).unwrap_or(&file).to_string_lossy().as_bytes());
        add(&fs::read(&file).unwrap_or_default());
    }
    digest
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
    // A folder that is not there would have the script run at every build.
    if !folder.is_dir() {
        return;
    }
    // The folder itself changes when a file comes or goes.
    println!("cargo:rerun-if-changed={}", folder.display());
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() { walk(&path, files) } else { files.push(path) }
    }
}

/// The first ten digits of the commit that is checked out, as git keeps it: `HEAD` holds it, or names the branch whose
/// file, or whose line in `packed-refs`, does.
fn commit(git: &Path) -> Option<String> {
    let folder = match fs::read_to_string(git) {
        // A further working tree: a file that names the folder.
        Ok(text) => git.parent()?.join(text.strip_prefix("gitdir:")?.trim()),
        Err(_) => git.to_owned(),
    };
    let common = match fs::read_to_string(folder.join("commondir")) {
        Ok(text) => folder.join(text.trim()),
        Err(_) => folder.clone(),
    };
    let watched = |path: PathBuf| {
        let text = fs::read_to_string(&path).ok()?;
        println!("cargo:rerun-if-changed={}", path.display());
        Some(text)
    };
    let head = watched(folder.join("HEAD"))?;
    let name = head.trim();
    let commit = match name.strip_prefix("ref:").map(str::trim) {
        None => name.to_owned(),
        Some(branch) => match watched(common.join(branch)) {
            Some(commit) => commit,
            None => {
                // The next commit writes the branch's own file, which is not there to be watched: this one is.
                watched(folder.join("logs/HEAD"));
                let packed = watched(common.join("packed-refs"))?;
                let line = packed.lines().find(|line| line.ends_with(&format!(" {branch}")))?;
                line.split(' ').next()?.to_owned()
            }
        },
    };
    let commit = commit.trim();
    (commit.len() >= 10 && commit.bytes().all(|byte| byte.is_ascii_hexdigit()))
        .then(|| commit[..10].to_owned())
}
