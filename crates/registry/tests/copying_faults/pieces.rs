//! Blobs that go in pieces: each is taken up where it broke.

use rstest::rstest;
use tagger_registry::{Anonymous, Client, Copied, CopyError, CopyOptions, Destination, Settings};
use tagger_testkit::manifest::{Blob, Manifest};
use tagger_testkit::proxy::{Fault, Kind, Match, Proxy};
use tagger_testkit::source::Source;

use super::ends::*;
use super::keeper::{Keeper, Kept};

const LARGE: usize = 5 << 20;
/// What is sent at a time.
const PIECE: usize = 4 << 20;

struct Pieces {
    proxy: Proxy,
    keeper: Keeper,
    image: Manifest,
    shop: Source,
}

impl Pieces {
    /// A destination that takes no large blob in one request.
    async fn start(kept: Kept) -> Self {
        let image = of_blobs(vec![Blob::new("a/config", "{}"), Blob::new("a/layer", vec![7; LARGE])]);
        let shop = Source::start(&[(image.clone(), FROM.into(), "v1".into())]).await.unwrap();
        let (keeper, target) = Keeper::start(kept).await;
        let proxy = Proxy::start(&target).await.unwrap();
        proxy.fault(Match::upload().method("PUT").larger_than(1000), Fault::too_large());
        Self { proxy, keeper, image, shop }
    }

    async fn copy(&self) -> Result<Copied, CopyError> {
        let insecure = [self.shop.address(), self.proxy.address().to_owned()];
        let insecure = insecure.map(|address| address.parse().unwrap()).into();
        let settings = Settings { insecure, limits: hurried(), ..Settings::default() };
        let client = Client::new(settings, Anonymous).unwrap();
        let from = format!("{}/{FROM}:v1", self.shop.address()).parse().unwrap();
        let into = Destination {
            registry: self.proxy.address().parse().unwrap(),
            repository: INTO.parse().unwrap(),
            tags: vec!["g0".parse().unwrap()],
        };
        client.copy(&from, &client, &into, &CopyOptions::default()).await
    }

    async fn arrives(&self) {
        self.copy().await.unwrap();
        let kept = self.keeper.kept();
        assert_eq!(kept.manifests["g0"], self.image.bytes);
        for blob in &self.image.blobs {
            assert!(kept.blobs[&blob.digest] == blob.bytes, "{}", blob.digest);
        }
    }

    fn sessions(&self) -> usize {
        // The large blob is refused in one request first; the small one needs a session as well.
        self.proxy.count("POST", Kind::Upload) - 2
    }

    fn patched(&self) -> u64 {
        self.proxy.bytes_received("PATCH", Kind::Upload)
    }

    fn patches(&self) -> Match {
        Match::upload().method("PATCH")
    }
}

#[rstest]
#[case::the_first(0)]
#[case::a_later_one(1)]
#[tokio::test]
async fn a_piece_that_was_cut_goes_on_where_the_registry_says(#[case] nth: usize) {
    let pieces = Pieces::start(Kept::default()).await;
    let cut = Fault::forward().upload_cut_at(500_000);
    pieces.proxy.fault(pieces.patches().after(nth).times(1), cut);
    pieces.arrives().await;
    assert_eq!(pieces.sessions(), 1);
    // What the proxy took and did not pass on went twice, and nothing else.
    assert!(pieces.patched() <= (LARGE + PIECE) as u64, "{}", pieces.patched());
    assert_eq!(pieces.proxy.count("GET", Kind::Upload), 1);
}

#[tokio::test]
async fn a_piece_whose_answer_was_lost_is_not_sent_again() {
    let pieces = Pieces::start(Kept::default()).await;
    pieces.proxy.fault(pieces.patches().after(1).times(1), Fault::forward().answer_lost());
    pieces.arrives().await;
    assert_eq!((pieces.sessions(), pieces.patched()), (1, LARGE as u64));
}

#[tokio::test]
async fn a_registry_that_keeps_less_of_a_piece_gets_the_rest() {
    let pieces = Pieces::start(Kept { at_most: Some(3 << 20), ..Kept::default() }).await;
    pieces.arrives().await;
    assert_eq!(pieces.sessions(), 1);
}

#[tokio::test]
async fn a_registry_that_keeps_nothing_is_given_up() {
    let pieces = Pieces::start(Kept { at_most: Some(0), ..Kept::default() }).await;
    let error = pieces.copy().await.unwrap_err();
    assert_eq!(error.reason(), "UploadFailed");
    assert!(error.to_string().contains("it lost count of the bytes"), "{error}");
    assert!(pieces.keeper.kept().manifests.is_empty());
    pieces.keeper.kept().at_most = None;
    pieces.arrives().await;
}

#[rstest]
#[case::more_than_was_sent("0-99999999")]
#[case::less_than_it_had("0-100")]
#[tokio::test]
async fn a_registry_that_lies_about_what_it_keeps_is_given_up(#[case] range: &str) {
    let pieces = Pieces::start(Kept::default()).await;
    pieces.proxy.fault(pieces.patches().after(1), Fault::forward().header("Range", range));
    let error = pieces.copy().await.unwrap_err();
    assert!(error.to_string().contains("it lost count of the bytes"), "{error}");
    assert!(pieces.keeper.kept().manifests.is_empty());
}

#[tokio::test]
async fn a_registry_that_refuses_each_range_is_given_up() {
    let pieces = Pieces::start(Kept::default()).await;
    pieces.proxy.fault(pieces.patches().times(1), Fault::hang_up());
    pieces.proxy.fault(pieces.patches(), Fault::status(416));
    let error = pieces.copy().await.unwrap_err();
    assert!(error.to_string().contains("it lost count of the bytes"), "{error}");
    assert!(pieces.proxy.count("PATCH", Kind::Upload) < 12);
}

#[tokio::test]
async fn a_session_that_is_lost_between_pieces_is_begun_anew() {
    let pieces = Pieces::start(Kept::default()).await;
    pieces.proxy.fault(pieces.patches().after(1).times(1), Fault::upload_lost());
    pieces.arrives().await;
    assert_eq!(pieces.sessions(), 2);
}

#[rstest]
#[case::a_busy_registry(Fault::status(429))]
#[case::a_failing_registry(Fault::status(503).html())]
#[case::a_token_that_ran_out(Fault::challenge("Basic realm=\"x\""))]
#[tokio::test]
async fn a_piece_that_is_refused_for_a_moment_is_sent_again(#[case] fault: Fault) {
    let pieces = Pieces::start(Kept::default()).await;
    pieces.proxy.fault(pieces.patches().after(1).times(1), fault);
    pieces.arrives().await;
}

#[tokio::test]
async fn pieces_are_as_large_as_the_registry_wants_them() {
    let least = 9 << 19;
    let pieces = Pieces::start(Kept { least: Some(least), ..Kept::default() }).await;
    pieces.arrives().await;
    let sizes = pieces.keeper.kept().pieces.clone();
    assert!(sizes.len() == 2 && sizes[0] >= least, "{sizes:?}");
}

#[tokio::test]
async fn a_last_answer_that_was_lost_is_looked_for() {
    let pieces = Pieces::start(Kept::default()).await;
    let last = Match::upload().method("PUT").when(|put| put.query.contains("digest"));
    pieces.proxy.fault(last.after(1), Fault::forward().answer_lost());
    pieces.arrives().await;
    assert_eq!((pieces.sessions(), pieces.patched()), (1, LARGE as u64));
}
