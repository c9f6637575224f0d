//! A certificate that is made elsewhere: served and trusted, swapped when its files are, and never worse than the last good one.

use kube::api::DeleteParams;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use tagger_certificates::secret::{self, PREVIOUS};
use tagger_testkit::authority::Authority;
use tagger_testkit::mount::Mount;

use crate::cluster::{Cluster, HOST, is_ready, is_trusted, served, soon};

fn authorities<const N: usize>() -> [Authority; N] {
    [(); N].map(|()| Authority::new("of one's own").unwrap())
}

fn swap(mount: &mut Mount, certificate: &str, key: &str, authority: &str) {
    mount.swap(&[("tls.crt", certificate), ("tls.key", key), ("ca.crt", authority)]).unwrap();
}

fn pem(authority: &Authority) -> String {
    authority.certificate().replace('\r', "").trim().to_owned() + "\n"
}

#[tokio::test]
async fn it_waits_for_a_certificate_says_why_and_makes_no_authority() {
    let cluster = Cluster::start().await;
    cluster.create_namespace().await;
    let mut mount = Mount::empty().unwrap();
    let keeper = cluster.keeper_of(mount.path());
    let mut problem = keeper.problem();
    let told = problem.wait_for(Option::is_some).await.unwrap().clone().unwrap();
    assert!(told.contains("there is no tls.crt"), "{told}");
    assert!(!*keeper.ready().borrow());

    let [first] = authorities();
    let leaf = first.issue_server(&["elsewhere"]).unwrap();
    swap(&mut mount, &leaf.certificate, &leaf.key, &first.certificate());
    let another = |told: &Option<String>| told.as_ref().is_some_and(|told| told.contains(HOST));
    problem.wait_for(another).await.unwrap();
    assert!(!*keeper.ready().borrow());
    assert!(
        cluster.registrations().get_opt("tagger").await.unwrap().is_none(),
        "nobody is sent to a webhook that can't answer"
    );

    mount.issue(&first, &[HOST]).unwrap();
    assert!(is_ready(&keeper).await);
    problem.wait_for(Option::is_none).await.unwrap();
    assert!(is_trusted(keeper.tls(), &first.certificate()).await);
    assert_eq!(cluster.published().await, pem(&first));
    assert!(cluster.secret(secret::CERTIFICATE).await.is_none() && cluster.secret(PREVIOUS).await.is_none());
}

#[tokio::test]
async fn what_is_of_no_use_leaves_the_last_good_one_served_and_a_good_one_is_swapped_in() {
    let cluster = Cluster::start().await;
    cluster.create_namespace().await;
    let [first, second] = authorities();
    let mut mount = Mount::empty().unwrap();
    let good = mount.issue(&first, &[HOST]).unwrap();
    let keeper = cluster.keeper_of(mount.path());
    assert!(is_ready(&keeper).await);

    let mut problem = keeper.problem();
    let other = second.issue_server(&[HOST]).unwrap();
    let first_pem = first.certificate();
    for (certificate, key, authority, told) in [
        ("", good.key.as_str(), first_pem.as_str(), "tls.crt is no certificate"),
        (&good.certificate[..100], &good.key, &first_pem, "tls.crt is no certificate"),
        (&good.certificate, "", &first_pem, "tls.key is no private key"),
        (&good.certificate, &other.key, &first_pem, "not the key of tls.crt"),
        (&other.certificate, &other.key, &first_pem, "no authority in ca.crt issued tls.crt"),
        (&good.certificate, &good.key, "", "ca.crt holds no certificate"),
    ] {
        swap(&mut mount, certificate, key, authority);
        problem.wait_for(|now| now.as_ref().is_some_and(|now| now.contains(told))).await.unwrap();
        assert!(*keeper.ready().borrow());
        assert!(is_trusted(keeper.tls(), &first_pem).await, "{told}");
        assert_eq!(cluster.published().await, pem(&first), "{told}");
    }

    cluster.registrations().delete("tagger", &DeleteParams::default()).await.unwrap();
    soon("a deleted registration, meanwhile", async || {
        cluster.registrations().get_opt("tagger").await.unwrap().is_some()
    })
    .await;
    assert_eq!(cluster.published().await, pem(&first));

    mount.issue(&second, &[HOST]).unwrap();
    soon("another authority", async || is_trusted(keeper.tls(), &second.certificate()).await).await;
    problem.wait_for(Option::is_none).await.unwrap();
    assert_eq!(
        cluster.published().await,
        pem(&second) + &pem(&first),
        "the one before stays trusted for a while"
    );
}

#[tokio::test]
async fn a_new_certificate_of_the_same_authority_is_served_also_while_the_api_server_is_away() {
    let cluster = Cluster::start().await;
    cluster.create_namespace().await;
    let [authority] = authorities();
    let mut mount = Mount::empty().unwrap();
    mount.issue(&authority, &[HOST]).unwrap();
    let keeper = cluster.keeper_of(mount.path());
    assert!(is_ready(&keeper).await);
    cluster.control_plane.stop_api_server().unwrap();
    let leaf = authority.issue_server(&[HOST]).unwrap();
    swap(&mut mount, &leaf.certificate, &leaf.key, &authority.certificate());
    let new = CertificateDer::from_pem_slice(leaf.certificate.as_bytes()).unwrap();
    soon("the new one", async || served(keeper.tls(), &authority.certificate()).await.as_ref() == Some(&new))
        .await;
}

#[tokio::test]
async fn a_certificate_of_a_public_authority_comes_without_a_bundle() {
    let cluster = Cluster::start().await;
    cluster.create_namespace().await;
    let [authority] = authorities();
    let mut mount = Mount::empty().unwrap();
    let leaf = authority.issue_server(&[HOST]).unwrap();
    mount.swap(&[("tls.crt", &leaf.certificate), ("tls.key", &leaf.key)]).unwrap();
    let keeper = cluster.keeper_of(mount.path());
    assert!(is_ready(&keeper).await);
    let registration = cluster.registration().await;
    assert!(registration["webhooks"][0]["clientConfig"]["caBundle"].is_null(), "{registration}");
    let rest = registration["metadata"]["resourceVersion"].clone();
    cluster.registrations().get("tagger").await.unwrap();
    tokio::time::sleep(std::time::Duration::from_secs(5)).await;
    assert_eq!(
        cluster.registration().await["metadata"]["resourceVersion"],
        rest,
        "what is right is not written"
    );
}

#[tokio::test]
async fn replicas_with_other_certificates_leave_each_other_trusted() {
    let cluster = Cluster::start().await;
    cluster.create_namespace().await;
    let ours = cluster.keeper();
    assert!(is_ready(&ours).await);
    let own = cluster.secret(secret::CERTIFICATE).await.unwrap();
    let [first, second] = authorities();
    let (mut early, mut late) = (Mount::empty().unwrap(), Mount::empty().unwrap());
    early.issue(&first, &[HOST]).unwrap();
    late.issue(&first, &[HOST]).unwrap();
    let (one, other) = (cluster.keeper_of(early.path()), cluster.keeper_of(late.path()));
    assert!(is_ready(&one).await && is_ready(&other).await);
    // One replica has its new files before the other.
    early.issue(&second, &[HOST]).unwrap();
    soon("the new one", async || is_trusted(one.tls(), &second.certificate()).await).await;
    // Long enough for all three to see what the others wrote, and to write what they think of it.
    for _ in 0..30 {
        let published = cluster.published().await;
        for trusted in [&own, &pem(&first), &pem(&second)] {
            assert!(published.contains(trusted.as_str()), "{published}");
        }
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
}
