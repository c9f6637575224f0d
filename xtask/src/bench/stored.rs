//! Very many Tags in the API server's store, as an operator left them there: one that an operator really imported, over and over,
//! under other names. They are put into etcd itself, since the API server would take minutes for them, and it is not what is measured.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures::{StreamExt, TryStreamExt};
use serde_json::{Value, json};

use super::crowd::AT_ONCE;

/// Where the API server keeps Tags.
const TAGS: &str = "/registry/images.io/tags";

/// How many keys one call writes. etcd takes 128.
const PORTION: usize = 100;

/// How many Tags a namespace has.
const OF_A_NAMESPACE: usize = 100;

/// etcd, by the JSON form of its API.
pub(crate) struct Etcd {
    client: reqwest::Client,
    address: String,
}

/// A Tag as it is stored, and what of it is its own.
pub(crate) struct Pattern {
    text: String,
    name: String,
    namespace: String,
    repository: String,
}

impl Etcd {
    /// etcd at this address.
    pub(crate) fn at(address: String) -> Result<Self> {
        Ok(Self { client: reqwest::Client::builder().no_proxy().build()?, address })
    }

    /// Reads a Tag that follows something in this repository, to be written over and over.
    pub(crate) async fn pattern(&self, namespace: &str, name: &str, repository: &str) -> Result<Pattern> {
        let key = STANDARD.encode(format!("{TAGS}/{namespace}/{name}"));
        let found = self.call("kv/range", &json!({ "key": key })).await?;
        let value =
            found["kvs"][0]["value"].as_str().with_context(|| format!("there is no Tag {name} in etcd"))?;
        let text = String::from_utf8(STANDARD.decode(value)?)
            .context("a Tag is stored as something else than JSON")?;
        let (name, namespace, repository) = (name.into(), namespace.into(), repository.into());
        Ok(Pattern { text, name, namespace, repository })
    }

    /// Writes the Tags of the numbers below `count`.
    pub(crate) async fn write(&self, pattern: &Pattern, count: usize) -> Result<()> {
        let firsts = (0..count).step_by(PORTION);
        let portions = firsts.map(|first| {
            let tags = (first..count.min(first + PORTION)).map(|number| pattern.of(number));
            tags.collect::<Result<Vec<_>>>()
        });
        let writes = portions.map(async |tags| self.put(&tags?).await);
        futures::stream::iter(writes).buffer_unordered(AT_ONCE / 4).try_collect().await
    }

    /// Writes these Tags, each with its key, at one moment.
    pub(crate) async fn put(&self, tags: &[(String, Value)]) -> Result<()> {
        let put = |(key, tag): &(String, Value)| json!({ "requestPut": { "key": STANDARD.encode(key), "value": STANDARD.encode(tag.to_string()) } });
        let puts: Vec<Value> = tags.iter().map(put).collect();
        let done = self.call("kv/txn", &json!({ "success": puts })).await?;
        ensure!(done["succeeded"] == true, "etcd did not take the Tags: {done}");
        Ok(())
    }

    async fn call(&self, what: &str, body: &Value) -> Result<Value> {
        let answer = self.client.post(format!("{}/v3/{what}", self.address)).json(body).send().await?;
        Ok(answer.error_for_status().with_context(|| format!("etcd refuses {what}"))?.json().await?)
    }
}

impl Pattern {
    /// The Tag of this number, with its key. No two have a name, a repository or a digest in common.
    pub(crate) fn of(&self, number: usize) -> Result<(String, Value)> {
        let text = self.text.replace(&self.repository, &format!("{}-{number}", self.repository));
        let mut tag: Value = serde_json::from_str(&with_digests_of(number, &text))?;
        let name = format!("{}-{number}", self.name);
        let namespace = format!("{}-{}", self.namespace, number / OF_A_NAMESPACE);
        let key = format!("{TAGS}/{namespace}/{name}");
        let own = [
            ("name", name),
            ("namespace", namespace),
            ("uid", format!("{number:08x}-0000-4000-8000-{number:012x}")),
        ];
        let metadata = tag["metadata"].as_object_mut().context("a Tag is stored without metadata")?;
        metadata
            .extend(BTreeMap::from(own).into_iter().map(|(field, value)| (field.to_owned(), json!(value))));
        Ok((key, tag))
    }

    /// A Tag in this namespace that nobody has seen yet, with its key. It wants a generation that can't be, so that its status says
    /// something without a registry's being asked.
    pub(crate) fn unseen(&self, namespace: &str, name: &str) -> Result<(String, Value)> {
        let (_, mut tag) = self.of(usize::try_from(u32::MAX)?)?;
        tag["metadata"]["namespace"] = json!(namespace);
        tag["metadata"]["name"] = json!(name);
        tag["spec"]["generation"] = json!(7);
        tag.as_object_mut().map(|tag| tag.remove("status"));
        Ok((format!("{TAGS}/{namespace}/{name}"), tag))
    }
}

/// The text with the end of each digest made another one.
fn with_digests_of(number: usize, text: &str) -> String {
    let mut parts = text.split("sha256:");
    let mut all = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        all.push_str("sha256:");
        match part.split_at_checked(64) {
            Some((hex, rest)) if hex.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
                all.push_str(&hex[..56]);
                all.push_str(&format!("{number:08x}{rest}"));
            }
            _ => all.push_str(part),
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_tag_has_what_is_its_own() {
        let digest = format!("sha256:{}", "a".repeat(64));
        let tag = json!({
            "metadata": { "name": "tag-0", "namespace": "dev", "uid": "x", "generation": 2 },
            "status": { "imageReference": format!("host/bench/app@{digest}"), "digest": digest, "message": "sha256:" },
        });
        let [name, namespace, repository] = ["tag-0", "dev", "bench/app"].map(str::to_owned);
        let pattern = Pattern { text: tag.to_string(), name, namespace, repository };
        let (key, made) = pattern.of(1234).unwrap();
        let own = format!("sha256:{}000004d2", "a".repeat(56));
        assert_eq!(key, "/registry/images.io/tags/dev-12/tag-0-1234");
        let metadata = &made["metadata"];
        assert_eq!([&metadata["name"], &metadata["namespace"]], ["tag-0-1234", "dev-12"]);
        assert_eq!(
            (&metadata["generation"], &metadata["uid"]),
            (&json!(2), &json!("000004d2-0000-4000-8000-0000000004d2"))
        );
        let status = json!({ "imageReference": format!("host/bench/app-1234@{own}"), "digest": own, "message": "sha256:" });
        assert_eq!(made["status"], status);
        let (key, unseen) = pattern.unseen("dev", "late").unwrap();
        assert_eq!(key, "/registry/images.io/tags/dev/late");
        assert!(unseen.get("status").is_none() && unseen["metadata"]["name"] == "late");
    }
}
