//! Steering Tags: what people type, what they read, and what comes of it.

mod gitops;
mod many;
mod new;
mod refused;
mod steps;
mod waiting;

use serde_json::{Value, json};

use crate::plugin::Plugin;
use crate::support::Namespace;

/// What a person sees of commands: each with what it prints, its exit code where that is not 0, and what it tells besides.
async fn told(plugin: &Plugin, commands: &[&[&str]]) -> String {
    let mut told = String::new();
    for command in commands {
        let ended = plugin.run(command).await;
        told += &format!("$ kubectl tag {}\n{}", command.join(" "), ended.stdout);
        told.extend(ended.stderr.lines().map(|line| format!("  | {line}\n")));
        if ended.code != 0 {
            told += &format!("  [exit code {}]\n", ended.code);
        }
    }
    told
}

/// Makes a Tag as people do, and waits until it has its first generation. Its image is `latest` of the same name.
async fn tag(here: &Namespace<'_>, plugin: &Plugin, name: &str, flags: &[&str]) {
    here.push(name, "latest", 0).await;
    let from = format!("{}:latest", here.repository(name));
    plugin.text(&[&["new", name, "--from", &from], flags].concat()).await;
    here.wait_for_generation(name, 0).await;
}

/// Makes a Tag that has generations 0, 1 and 2, is at the last, and names it.
async fn tag_with_three(here: &Namespace<'_>, plugin: &Plugin, name: &str, flags: &[&str]) {
    tag(here, plugin, name, &[&["--generation", "0"], flags].concat()).await;
    for number in [1, 2] {
        here.push(name, "latest", number.try_into().unwrap()).await;
        here.go_to_generation(name, number).await;
    }
}

/// What a person wrote of an object, and nothing that the cluster did.
fn written(object: &Value) -> String {
    let metadata = &object["metadata"];
    let written = json!({
        "apiVersion": object["apiVersion"], "kind": object["kind"], "name": metadata["name"],
        "annotations": metadata["annotations"], "managedFields": metadata["managedFields"], "spec": object["spec"],
    });
    serde_json::to_string_pretty(&written).unwrap()
}
