//! How much stack recorder.wasm has. Nothing in it calls itself; the linker's megabyte would be memory of every page for nothing, and would
//! move all data so far up that each address is a byte longer.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_FAMILY").is_ok_and(|family| family == "wasm") {
        println!("cargo::rustc-link-arg-cdylib=-zstack-size=65536");
    }
}
