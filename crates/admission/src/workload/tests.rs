use super::*;
use rstest::rstest;
use serde_json::{Value, json};

fn pod_spec() -> Value {
    json!({ "containers": [{ "name": "app", "image": "myapp" }] })
}

fn spec(kind: Kind) -> Value {
    match kind {
        Kind::Pod => pod_spec(),
        Kind::CronJob => json!({ "jobTemplate": { "spec": { "template": { "spec": pod_spec() } } } }),
        _ => json!({ "template": { "spec": pod_spec() } }),
    }
}

fn request(kind: Kind, change: impl FnOnce(&mut Value)) -> Value {
    let (group, name, _) = kind.names();
    let mut request = json!({
        "uid": "1",
        "kind": { "group": group, "version": "v1", "kind": name },
        "operation": "CREATE",
        "namespace": "dev",
        "object": {
            "metadata": { "name": "web", "annotations": { "image-tag": "true" } },
            "spec": spec(kind),
        },
    });
    change(&mut request);
    request
}

fn read(request: &Value) -> Option<Workload> {
    let text = request.to_string();
    Workload::of(&serde_json::from_str(&text).unwrap(), "tagger-system")
}

#[rstest]
fn every_kind_is_read(
    #[values(
        Kind::Deployment,
        Kind::StatefulSet,
        Kind::DaemonSet,
        Kind::ReplicaSet,
        Kind::CronJob,
        Kind::Job,
        Kind::Pod
    )]
    kind: Kind,
) {
    let request = request(kind, |_| {});
    let workload = read(&request).unwrap();
    assert_eq!((workload.kind, workload.name.as_str(), workload.mode), (kind, "web", Mode::Tags));
    assert_eq!(workload.places, kind.places(&request["object"]), "it agrees with the kind's own reading");
    assert_eq!(workload.places.len(), 1);
}

#[rstest]
#[case::without_the_annotation(|it: &mut Value| it["object"]["metadata"]["annotations"] = json!({}))]
#[case::without_annotations(|it: &mut Value| it["object"]["metadata"]["annotations"] = json!(null))]
#[case::with_another_value(|it: &mut Value| it["object"]["metadata"]["annotations"]["image-tag"] = json!("yes"))]
#[case::in_the_own_namespace(|it: &mut Value| it["namespace"] = json!("tagger-system"))]
#[case::in_kube_system(|it: &mut Value| it["namespace"] = json!("kube-system"))]
#[case::without_a_namespace(|it: &mut Value| it["namespace"] = json!(null))]
#[case::of_another_group(|it: &mut Value| it["kind"]["group"] = json!("example.com"))]
#[case::of_an_unknown_kind(|it: &mut Value| it["kind"]["kind"] = json!("Gadget"))]
#[case::on_its_way_out(|it: &mut Value| it["object"]["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z"))]
#[case::of_a_subresource(|it: &mut Value| it["subResource"] = json!("scale"))]
#[case::being_deleted(|it: &mut Value| it["operation"] = json!("DELETE"))]
#[case::being_connected_to(|it: &mut Value| it["operation"] = json!("CONNECT"))]
#[case::without_an_object(|it: &mut Value| it["object"] = json!(null))]
#[case::that_is_a_number(|it: &mut Value| it["object"] = json!(5))]
#[case::without_a_spec(|it: &mut Value| it["object"]["spec"] = json!(null))]
#[case::whose_containers_are_a_text(|it: &mut Value| it["object"]["spec"]["template"]["spec"]["containers"] = json!("x"))]
#[case::whose_annotations_are_a_list(|it: &mut Value| it["object"]["metadata"]["annotations"] = json!([1]))]
fn an_object_is_left_alone(#[case] change: fn(&mut Value)) {
    assert!(read(&request(Kind::Deployment, change)).is_none());
}

#[rstest]
#[case::a_pod_of_a_replica_set(Kind::Pod, true, false)]
#[case::a_job_of_a_cron_job(Kind::Job, true, false)]
#[case::a_replica_set_of_a_deployment(Kind::ReplicaSet, true, false)]
#[case::a_pod_that_something_else_owns(Kind::Pod, false, true)]
#[case::a_deployment_of_an_operator(Kind::Deployment, true, true)]
fn what_a_controller_made_is_its_own_business(
    #[case] kind: Kind,
    #[case] controller: bool,
    #[case] read_it: bool,
) {
    let owner =
        json!([{ "apiVersion": "v1", "kind": "Owner", "name": "a", "uid": "1", "controller": controller }]);
    let request = request(kind, |it| it["object"]["metadata"]["ownerReferences"] = owner);
    assert_eq!(read(&request).is_some(), read_it);
}

fn update(annotated: bool) -> Value {
    request(Kind::Deployment, |it| {
        let record = r#"{"app":{"tag":"myapp","image":"myapp"}}"#;
        it["operation"] = json!("UPDATE");
        it["object"]["metadata"]["annotations"][FOLLOWS] = json!(record);
        it["oldObject"] = it["object"].clone();
        if !annotated {
            it["oldObject"]["metadata"]["annotations"]["image-tag"] = json!("false");
        }
    })
}

#[rstest]
#[case(true, true)]
#[case(false, false)]
fn an_old_record_counts_where_the_old_object_was_annotated(#[case] annotated: bool, #[case] counts: bool) {
    let workload = read(&update(annotated)).unwrap();
    assert!(matches!(workload.origin, Origin::Updated(_)));
    let before = workload.before().unwrap();
    assert_eq!(before.slots.len(), 1, "the old images count in any case");
    assert_eq!(!before.follows.is_empty(), counts);
    assert_eq!(workload.record.unwrap().len(), 1);
}

#[rstest]
#[case::an_update_of_ours("UPDATE", "tagger", true)]
#[case::an_update_of_another("UPDATE", "kubectl", false)]
#[case::a_creation_under_our_name("CREATE", "tagger", false)]
fn a_touch_is_an_update_under_our_name(
    #[case] operation: &str,
    #[case] manager: &str,
    #[case] touched: bool,
) {
    let mut request = update(true);
    request["operation"] = json!(operation);
    request["options"] = json!({ "fieldManager": manager });
    request["object"]["metadata"]["annotations"]["images.io/rollout"] = json!(r#"{"myapp":"a@b"}"#);
    let origin = read(&request).unwrap().origin;
    let targets = match &origin {
        Origin::Touched { targets, .. } => Some(targets["myapp"].as_str()),
        _ => None,
    };
    assert_eq!(targets, touched.then_some("a@b"));
}
