use super::*;

fn told(metrics: &Metrics) -> String {
    let (mut registry, mut text) = (Registry::default(), String::new());
    metrics.register(&mut registry);
    prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
    text
}

#[test]
fn what_is_counted_is_told_under_its_name() {
    let metrics = Metrics::default();
    metrics.imported(Trigger::Push);
    metrics.import_failed(Trigger::Poll, "NotFound");
    metrics.looked("new");
    metrics.hinted(false);
    metrics.waits(2);
    metrics.waits(-1);
    metrics.rolled_out(Kind::Deployment, RolledOut::Repaired);
    metrics.leads(true);
    let text = told(&metrics);
    for line in [
        r#"tagger_imports_total{trigger="push",result="done"} 1"#,
        r#"tagger_imports_total{trigger="poll",result="NotFound"} 1"#,
        r#"tagger_looks_total{outcome="new"} 1"#,
        r#"tagger_hints_total{tags="none"} 1"#,
        r#"tagger_rollouts_total{kind="Deployment",result="repaired"} 1"#,
        "tagger_looks_waiting 1",
        "tagger_leader 1",
    ] {
        assert!(text.contains(line), "{line} in {text}");
    }
}

#[test]
fn a_copy_counts_while_it_is_made_and_by_how_it_ended() {
    let metrics = Metrics::default();
    let (first, second, third) = (metrics.copies(), metrics.copies(), metrics.copies());
    first.passed(7);
    let turn = metrics.copy_waits();
    let text = told(&metrics);
    for line in
        ["tagger_mirrors_in_progress 3", "tagger_mirrors_waiting 1", "tagger_mirror_copied_bytes_total 7"]
    {
        assert!(text.contains(line), "{line} in {text}");
    }
    first.ended(None);
    second.ended(Some("CacheStorageFull"));
    drop((first, second, third, turn));
    let text = told(&metrics);
    for line in [
        "tagger_mirrors_in_progress 0",
        "tagger_mirrors_waiting 0",
        "tagger_mirror_duration_seconds_count 1",
        r#"tagger_mirrors_total{result="done"} 1"#,
        r#"tagger_mirrors_total{result="CacheStorageFull"} 1"#,
        r#"tagger_mirrors_total{result="given_up"} 1"#,
    ] {
        assert!(text.contains(line), "{line} in {text}");
    }
}
