//! The operator where the machine gives it little: few file descriptors, and nowhere to write.

use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use serde_json::json;
use tagger_testkit::assets::Assets;
use tagger_testkit::proxy::Proxy;
use tagger_testkit::registry::{Registry, RegistryOptions};
use tagger_testkit::scratch::Scratch;

use crate::support::cached::Cached;
use crate::support::{Namespace, World, eventually, run};

/// So few that a few hundred connections take all of them.
const DESCRIPTORS: u32 = 100;

/// What has a program run where nothing can be written: all that this machine could be written to is read-only for it.
const READ_ONLY: &str = r#"mount -o remount,bind,ro / && mount -o remount,bind,ro /dev/shm && cd / &&
    for place in . "${TMPDIR:-/tmp}" "$HOME" /dev/shm; do
        if touch "$place/tagger-can-write" 2>/dev/null; then echo "$place can be written" >&2; exit 9; fi
    done && exec "$@""#;

/// A program that runs the operator in another way.
fn instead(files: &Scratch, script: &str) -> PathBuf {
    let program = files.write("instead", format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    program
}

/// A world whose operator is run by this script, with a cache.
async fn world(script: &str) -> (Cached, Scratch) {
    let files = Scratch::on_disk().unwrap();
    let assets = Assets::obtain().await.unwrap();
    let (control_plane, registry) = World::without_operator(&assets).await;
    let cache = Registry::start(&assets, &RegistryOptions::default()).await.unwrap();
    let (source, proxy) = (Proxy::start(&registry).await.unwrap(), Proxy::start(&cache).await.unwrap());
    let flags =
        ["--insecure-registry", source.address(), "--cache-registry", proxy.address(), "--cache-insecure"];
    let program = instead(&files, script);
    let operator = World::operator_by(&program, &control_plane, &registry, &flags).await;
    (Cached { world: World { control_plane, registry, proxy: source, operator }, cache, proxy }, files)
}

fn connections(url: &str, count: usize) -> Vec<TcpStream> {
    let address = url.split_once("://").unwrap().1;
    (0..count).filter_map(|_| TcpStream::connect(address).ok()).collect()
}

#[test]
fn an_operator_without_file_descriptors_to_spare_goes_on_when_there_are_some() {
    run(async {
        let script = format!("ulimit -n {DESCRIPTORS}\nexec {} \"$@\"", World::program().display());
        let (cached, _files) = world(&script).await;
        let here = Namespace::new(&cached.world, "descriptors").await;
        let reference = here.push("myapp", "latest", 0).await;
        let held: Vec<TcpStream> =
            [cached.world.operator.receiver(), cached.world.operator.docker_webhooks()]
                .iter()
                .flat_map(|url| connections(url, 250))
                .collect();
        eventually("an operator that is short of descriptors", || async {
            let log = std::fs::read_to_string(cached.world.operator.log()).unwrap();
            log.contains("could not be accepted").then_some(())
        })
        .await;
        // What is written meanwhile is seen to later.
        here.apply(&here.tag("myapp", json!({ "cache": true }))).await.unwrap();
        let during = here.apply(&here.deployment("during", "myapp")).await;
        drop(held);
        if let Err(refused) = during {
            assert!(here.fails_closed(), "{refused}");
            eventually("admission", || async { here.apply(&here.deployment("during", "myapp")).await.ok() })
                .await;
        }
        here.wait_for_generation("myapp", 0).await;
        let copy = cached.copy(&here, "myapp", &reference);
        here.wait_for_image("deployment", "during", &copy).await;
        here.apply(&here.deployment("after", "myapp")).await.unwrap();
        assert_eq!(here.image_of("deployment", "after").await, Some(copy), "admission answers again");
    });
}

#[test]
fn an_operator_that_can_write_nowhere_imports_mirrors_and_admits() {
    run(async {
        let rights = r#"if [ "$(id -u)" = 0 ]; then more=; else more=--map-root-user; fi"#;
        let operator = World::program();
        let script = format!(
            "{rights}\nexec unshare --mount $more sh -c '{READ_ONLY}' sh {} \"$@\"",
            operator.display()
        );
        let (cached, _files) = world(&script).await;
        let here = Namespace::new(&cached.world, "read-only").await;
        let reference = here.push("myapp", "latest", 0).await;
        here.apply(&here.tag("myapp", json!({ "cache": true }))).await.unwrap();
        here.wait_for_generation("myapp", 0).await;
        let copy = cached.copy(&here, "myapp", &reference);
        here.apply(&here.deployment("d", "myapp")).await.unwrap();
        here.wait_for_image("deployment", "d", &copy).await;
    });
}
