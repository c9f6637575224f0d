//! Amazon's ECR by EventBridge. The registry's host is made of account and region.

use serde::Deserialize;
use tagger_core::reference::Reference;

use crate::json::{self, Object};
use crate::message::Message;
use crate::naming;
use crate::problem::Problem;

#[derive(Deserialize)]
struct Kind {
    source: Option<String>,
    #[serde(rename = "detail-type")]
    detail_type: Option<String>,
}

#[derive(Deserialize)]
struct Event {
    account: Option<String>,
    region: Option<String>,
    #[serde(default)]
    detail: Object<Detail>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Detail {
    result: Option<String>,
    repository_name: Option<String>,
    action_type: Option<String>,
    image_tag: Option<String>,
}

pub(super) fn pushed(message: &Message<'_>) -> Result<Vec<Reference>, Problem> {
    let kind: Kind = json::object(message.body)?;
    let source = naming::required(kind.source.as_deref(), "source")?;
    let detail_type = naming::required(kind.detail_type.as_deref(), "detail-type")?;
    if (source, detail_type) != ("aws.ecr", "ECR Image Action") {
        return Ok(Vec::new());
    }
    let event: Event = json::object(message.body)?;
    let (action, result) = (&event.detail.action_type, &event.detail.result);
    let action = naming::required(action.as_deref(), "detail.action-type")?;
    if action != "PUSH" || result.as_deref() != Some("SUCCESS") {
        return Ok(Vec::new());
    }
    let Some(tag) = naming::tag(event.detail.image_tag.as_deref(), "detail.image-tag")? else {
        return Ok(Vec::new());
    };
    let name = naming::required(event.detail.repository_name.as_deref(), "detail.repository-name")?;
    let repository = naming::repository(name, "detail.repository-name")?;
    let host = if message.registry.is_some() { None } else { Some(event.host()?) };
    let registry = message.place(host.as_deref(), "region")?;
    Ok(vec![naming::reference(&registry, repository, tag)])
}

impl Event {
    fn host(&self) -> Result<String, Problem> {
        let account = naming::required(self.account.as_deref(), "account")?;
        if account.len() != 12 || !account.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(Problem::Wrong { field: "account".to_owned(), expected: "an account of 12 digits" });
        }
        let region = naming::required(self.region.as_deref(), "region")?;
        if !region.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-') {
            return Err(Problem::Wrong {
                field: "region".to_owned(),
                expected: "a region, such as eu-west-1",
            });
        }
        let china = if region.starts_with("cn-") { ".cn" } else { "" };
        Ok(format!("{account}.dkr.ecr.{region}.amazonaws.com{china}"))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Sent, problem, told};
    use crate::Provider::Amazon;
    use rstest::rstest;
    use serde_json::{Value, json};

    fn body() -> Value {
        json!({
            "version": "0", "id": "13cde686-328b-6117-af20-0e5566167482", "detail-type": "ECR Image Action", "source": "aws.ecr",
            "account": "123456789012", "time": "2026-01-16T01:54:34Z", "region": "eu-west-1", "resources": [],
            "detail": {
                "result": "SUCCESS", "repository-name": "team/myapp", "action-type": "PUSH", "image-tag": "v1",
                "image-digest": "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
            },
        })
    }

    #[rstest]
    #[case("eu-west-1", "123456789012.dkr.ecr.eu-west-1.amazonaws.com/team/myapp:v1")]
    #[case("us-gov-west-1", "123456789012.dkr.ecr.us-gov-west-1.amazonaws.com/team/myapp:v1")]
    #[case("cn-north-1", "123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn/team/myapp:v1")]
    fn a_push_names_its_tag_and_the_host_is_that_of_account_and_region(
        #[case] region: &str,
        #[case] name: &str,
    ) {
        let mut body = body();
        body["region"] = json!(region);
        assert_eq!(told(Amazon, &body), [name]);
        body["region"] = json!("nowhere special");
        assert_eq!(Sent::new(&body).registry("b.io").told(Amazon), ["b.io/team/myapp:v1"]);
    }

    #[rstest]
    #[case("/source", json!("aws.s3"))]
    #[case("/detail-type", json!("ECR Image Scan"))]
    #[case("/detail/action-type", json!("DELETE"))]
    #[case("/detail/result", json!("FAILURE"))]
    #[case("/detail/image-tag", json!(""))]
    fn what_is_no_push_of_a_tag_is_nothing(#[case] place: &str, #[case] value: Value) {
        let mut body = body();
        *body.pointer_mut(place).unwrap() = value;
        assert_eq!(told(Amazon, &body), [""; 0]);
    }

    #[rstest]
    #[case("/source", Value::Null, "`source` is missing")]
    #[case("/detail", json!([]), "`detail` must be an object")]
    #[case("/detail/action-type", Value::Null, "`detail.action-type` is missing")]
    #[case("/detail/repository-name", Value::Null, "`detail.repository-name` is missing")]
    #[case("/detail/image-tag", json!("v\u{0}1"), "`detail.image-tag` must be a tag")]
    #[case("/account", json!("x.evil.com/"), "`account` must be an account of 12 digits")]
    #[case("/account", json!(123456789012_u64), "`account` must be a string")]
    #[case("/region", json!("a.b"), "`region` must be a region")]
    fn what_is_wrong_is_named(#[case] place: &str, #[case] value: Value, #[case] told: &str) {
        let mut body = body();
        *body.pointer_mut(place).unwrap() = value;
        let problem = problem(Amazon, &body);
        assert!(problem.starts_with(told), "{problem}");
    }
}
