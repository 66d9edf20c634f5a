//! The four crates as a registry gets them: complete, with their licences, and usable outside of the workspace.

use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

const CRATES: [&str; 4] = ["gmp-math", "gmp-autograd", "gmp-nn", "gmp-train"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn cargo(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(folder).args(arguments).arg("--offline");
    command
}

/// Standard output of a command that must succeed.
fn output(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{command:?}: {}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

/// The crates as `cargo publish` would upload them, unpacked, and their folders.
struct Packages {
    folder: TempDir,
    version: String,
}

impl Packages {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let arguments =
            ["package", "--workspace", "--exclude", "xtask", "--no-verify", "--allow-dirty", "--quiet"];
        output(cargo(&root(), &arguments).arg("--target-dir").arg(folder.path()));
        let packages = Self { version: metadata()[0]["version"].as_str().unwrap().to_owned(), folder };
        for name in CRATES {
            let archive = packages.archive(name);
            output(Command::new("tar").arg("-xzf").arg(&archive).arg("-C").arg(packages.folder.path()));
        }
        packages
    }
    fn archive(&self, name: &str) -> PathBuf {
        self.folder.path().join(format!("package/{name}-{}.crate", self.version))
    }
    fn of(&self, name: &str) -> PathBuf {
        self.folder.path().join(format!("{name}-{}", self.version))
    }
}

/// What cargo knows of the crates, in order.
fn metadata() -> Vec<Value> {
    let text = output(&mut cargo(&root(), &["metadata", "--no-deps", "--format-version", "1"]));
    let mut all: Value = serde_json::from_str(&text).unwrap();
    let packages = all["packages"].as_array_mut().unwrap();
    let package = |name: &str| packages.iter().find(|package| package["name"] == name).unwrap().clone();
    CRATES.map(package).to_vec()
}

/// The files below a folder, with / between names.
fn files(folder: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.insert(path.strip_prefix(folder).unwrap().to_str().unwrap().replace('\\', "/"));
            }
        }
    }
    found
}

/// Licences, a README, sources and examples; no tests, whose data are large, and no file of another project.
#[test]
fn archives_are_complete_and_small() {
    let packages = Packages::new();
    for name in CRATES {
        let (files, folder) = (files(&packages.of(name)), packages.of(name));
        for licence in ["LICENSE-MIT", "LICENSE-APACHE"] {
            let text =
                fs::read_to_string(folder.join(licence)).unwrap_or_else(|e| panic!("{name}: {licence}: {e}"));
            assert_eq!(text, fs::read_to_string(root().join(licence)).unwrap(), "{name}");
        }
        for file in ["README.md", "Cargo.toml", "src/lib.rs"] {
            assert!(files.contains(file), "{name}: {file} in {files:?}");
        }
        let folders = ["src/", "examples/", "benches/", "docs/"];
        let others =
            ["Cargo.toml.orig", "Cargo.lock", ".cargo_vcs_info.json", "RELIABILITY.md", "CHANGELOG.md"];
        for file in &files {
            let is_known = folders.iter().any(|folder| file.starts_with(folder))
                || others.contains(&&file[..])
                || ["README.md", "Cargo.toml", "LICENSE-MIT", "LICENSE-APACHE"].contains(&&file[..]);
            assert!(is_known, "{name}: {file}");
        }
        let size = fs::metadata(packages.archive(name)).unwrap().len();
        assert!(size < 256 << 10, "{name}: {size} bytes");
        links_lead_somewhere(name, &packages);
    }
    for file in ["CHANGELOG.md", "docs/gmp_torch.py", "docs/load_in_pytorch.py"] {
        assert!(packages.of("gmp-train").join(file).is_file(), "{file}");
    }
}

/// Links of a README work wherever it is shown, at GitHub, crates.io and docs.rs: they are absolute, and those to a file of
/// a crate name one that is in its archive. (That those to pages of the documentation exist is checked by `.ci/run`.)
fn links_lead_somewhere(name: &str, packages: &Packages) {
    let text = fs::read_to_string(packages.of(name).join("README.md")).unwrap();
    let prose: String = text.split("```").step_by(2).collect();
    for target in prose.split("](").skip(1).map(|rest| rest.split(')').next().unwrap()) {
        assert!(target.starts_with("https://"), "{name}: a link to {target}");
    }
    let definitions: Vec<_> =
        prose.lines().filter_map(|line| line.strip_prefix('[')?.split_once("]: ")).collect();
    for (label, behind) in prose.split('[').skip(1).filter_map(|rest| rest.split_once(']')) {
        // `[text](target)` and definitions are seen above, `[text][label]` has its label next, and there are intervals.
        let is_text = behind.is_empty() || behind.starts_with(['(', ':']) || label.contains(',');
        let is_defined = definitions.iter().any(|(defined, _)| *defined == label);
        assert!(is_text || is_defined, "{name}: the link [{label}] has no target");
    }
    for (label, target) in definitions {
        let Some(rest) = target.strip_prefix("https://docs.rs/crate/") else { continue };
        let (of, file) = rest.split_once("/latest/source/").unwrap();
        assert!(packages.of(of).join(file).is_file(), "{name}: {label} leads to {target}");
    }
}

/// Lines that rustdoc hides are shown by every other reader of a README.
#[test]
fn readmes_have_no_hidden_lines() {
    for name in CRATES {
        let text = fs::read_to_string(root().join(name).join("README.md")).unwrap();
        for (i, block) in text.split("```").enumerate() {
            let hidden = block.lines().find(|line| *line == "#" || line.starts_with("# "));
            assert!(i % 2 == 0 || !block.starts_with("rust") || hidden.is_none(), "{name}: {hidden:?}");
        }
    }
}

/// What the pages of a registry show, within the bounds of crates.io.
#[test]
fn manifests_say_what_a_registry_asks_for() {
    let mut all_keywords = BTreeSet::new();
    let packages = metadata();
    for package in &packages {
        let name = package["name"].as_str().unwrap();
        let texts = |field: &str| -> Vec<&str> {
            package[field].as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect()
        };
        assert_eq!(package["license"], "MIT OR Apache-2.0", "{name}");
        assert_eq!(package["documentation"], format!("https://docs.rs/{name}"));
        assert!(
            package["description"].as_str().unwrap().len() > 30 && !package["rust_version"].is_null(),
            "{name}"
        );
        let documented = &package["metadata"]["docs"]["rs"];
        match name {
            // There is no MPI library where the documentation is built.
            "gmp-train" => assert_eq!(documented["features"], serde_json::json!(["ndarray", "onnx"])),
            _ => assert_eq!(documented["all-features"], true, "{name}"),
        }
        let (keywords, categories) = (texts("keywords"), texts("categories"));
        assert!((1..=5).contains(&keywords.len()) && (1..=5).contains(&categories.len()), "{name}");
        for keyword in &keywords {
            let is_allowed = |c: char| c.is_ascii_alphanumeric() || "-_+".contains(c);
            assert!(keyword.len() <= 20 && keyword.chars().all(is_allowed), "{name}: {keyword}");
        }
        assert!(
            categories.iter().all(|slug| ["algorithms", "mathematics", "science"].contains(slug)),
            "{name}"
        );
        assert!(all_keywords.insert(keywords), "{name} has the keywords of another crate");
    }
}

/// A program whose only dependency is gmp-train, made of the unpacked crates: that of its README runs, and the examples that
/// need nothing else are built.
#[test]
fn the_unpacked_crates_build_a_program() {
    let packages = Packages::new();
    let folder = packages.folder.path().join("program");
    fs::create_dir_all(folder.join("src/bin")).unwrap();
    let path = |name: &str| format!("{{ path = {:?} }}", packages.of(name));
    let patches: String = CRATES.map(|name| format!("{name} = {}\n", path(name))).concat();
    // Optimized as the workspace is, so that what others wrote is built already; and our own crates as fast as possible.
    let profiles: String =
        CRATES.map(|name| format!("[profile.dev.package.{name}]\nopt-level = 0\n")).concat();
    let manifest = format!(
        "[package]\nname = \"program\"\nversion = \"0.0.0\"\nedition = \"2024\"\npublish = false\n\
         [workspace]\n[dependencies]\ngmp-train = {}\n[patch.crates-io]\n{patches}\
         [profile.dev]\nopt-level = 2\ndebug = \"line-tables-only\"\n{profiles}[profile.dev.package.program]\nopt-level = 0\n",
        path("gmp-train"),
    );
    fs::write(folder.join("Cargo.toml"), manifest).unwrap();
    fs::copy(root().join("Cargo.lock"), folder.join("Cargo.lock")).unwrap();

    let readme = fs::read_to_string(packages.of("gmp-train").join("README.md")).unwrap();
    let program = readme.split("```rust\n").nth(1).unwrap().split("```").next().unwrap();
    fs::write(folder.join("src/main.rs"), program).unwrap();
    let mut examples = 0;
    for entry in fs::read_dir(packages.of("gmp-train").join("examples")).unwrap() {
        let path = entry.unwrap().path();
        let needs_more =
            ["ndarray", "serde_json", "Mpi"].map(|name| fs::read_to_string(&path).unwrap().contains(name));
        if needs_more == [false; 3] {
            fs::copy(&path, folder.join("src/bin").join(path.file_name().unwrap())).unwrap();
            examples += 1;
        }
    }
    assert!(examples >= 8, "{examples} examples");

    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let in_target = |arguments: &[&str]| output(cargo(&folder, arguments).arg("--target-dir").arg(target));
    in_target(&["build", "--bins", "--quiet"]);
    in_target(&["run", "--quiet", "--bin", "program"]);
}
