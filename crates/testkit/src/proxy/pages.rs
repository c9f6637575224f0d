//! Lists of tags by pages, which the registry behind the proxy gives whole.

use anyhow::Result;
use bytes::Bytes;
use futures::TryStreamExt;
use http::{HeaderValue, header};
use serde_json::{Value, json};

use super::answer::Answer;
use super::request::Recorded;

/// The page of a whole list of tags that was asked for by `n` and `last`, of at most `most` tags.
pub(super) async fn page(whole: Answer, request: &Recorded, most: usize) -> Result<Answer> {
    if !whole.status.is_success() {
        return Ok(whole);
    }
    let bytes = whole.body.try_collect::<Vec<Bytes>>().await?.concat();
    let list: Value = serde_json::from_slice(&bytes)?;
    let mut tags: Vec<&str> =
        list["tags"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    tags.sort_unstable();
    let size = request.parameter("n").and_then(|n| n.parse().ok()).map_or(most, |n: usize| n.min(most));
    let last = request.parameter("last").unwrap_or_default();
    let left: Vec<&str> = tags.into_iter().filter(|tag| *tag > last.as_str()).collect();
    let page = &left[..left.len().min(size)];
    let content = json!({"name": request.repository, "tags": page});
    let mut answer = Answer::json(whole.status, "application/json", &content);
    if let Some(last) = page.last().filter(|_| page.len() < left.len()) {
        let link = format!("<{}?n={size}&last={last}>; rel=\"next\"", request.path);
        answer.headers.insert(header::LINK, HeaderValue::try_from(link)?);
    }
    Ok(answer)
}

/// Says that there is one page more, whatever page this is.
pub(super) fn endless(answer: &mut Answer, request: &Recorded) -> Result<()> {
    let page: u64 = request.parameter("page").and_then(|page| page.parse().ok()).unwrap_or_default();
    let link = format!("<{}?page={}>; rel=\"next\"", request.path, page + 1);
    answer.headers.insert(header::LINK, HeaderValue::try_from(link)?);
    Ok(())
}
