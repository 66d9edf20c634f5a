//! Files that are not what they say: cut off, damaged, or made to harm. An error every time, never a panic, and memory
//! in proportion to the file.
//!
//! `GMP_MUTATIONS=1000000 cargo test -p gmp-train --test hostile` for more than the 100,000 a reader of an ordinary
//! test. `cargo test -p gmp-train --test hostile -- --ignored` writes the good files to `fuzz/seeds`.

mod checkpoint;
mod configuration;
#[cfg(feature = "image")]
mod image;
mod mutation;
mod safetensors;

use std::fs;
use std::path::Path;

#[test]
#[ignore = "writes fuzz/seeds"]
fn write_the_seeds() {
    let write = |reader: &str, good: Vec<Vec<u8>>| {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(reader);
        fs::create_dir_all(&folder).unwrap();
        for (i, bytes) in good.iter().enumerate() {
            fs::write(folder.join(format!("good-{i}")), bytes).unwrap();
        }
    };
    write("checkpoint", checkpoint::VERSIONS.map(<[u8]>::to_vec).into());
    write("safetensors", safetensors::good());
    write("configuration", configuration::good().into());
    #[cfg(feature = "image")]
    {
        write("cifar10", image::cifar10());
        write("npz", image::npz());
        write("picture", [image::jpegs(), image::pngs()].concat());
    }
}
