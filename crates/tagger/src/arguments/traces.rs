use clap::Args;
use url::Url;

/// Where traces go.
#[derive(Debug, Args)]
#[allow(rustdoc::bare_urls, reason = "the help of a flag has no markup")]
pub struct Traces {
    /// The OpenTelemetry collector that traces are sent to, in OTLP over HTTP, such as http://collector.observability:4318; without it,
    /// none are made. A URL without a path means /v1/traces there
    #[arg(long, env = "TAGGER_OTLP_ENDPOINT", value_name = "URL", value_parser = collector)]
    pub otlp_endpoint: Option<Url>,

    /// How many of the traces are sent, from 0 to 1: of an admission review, a look at an object, or a notification, with all that
    /// belongs to it, either everything is sent or nothing
    #[arg(long, env = "TAGGER_OTLP_SAMPLE", value_name = "SHARE", default_value = "1", value_parser = share)]
    pub otlp_sample: f64,
}

fn collector(text: &str) -> Result<Url, String> {
    let mut url: Url = text.parse().map_err(|error| format!("{error}"))?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err("must be http://HOST[:PORT] or https://HOST[:PORT]".to_owned());
    }
    if matches!(url.path(), "" | "/") {
        url.set_path("/v1/traces");
    }
    Ok(url)
}

fn share(text: &str) -> Result<f64, String> {
    let share: f64 = text.parse().map_err(|_| "must be a number from 0 to 1".to_owned())?;
    (0.0..=1.0).contains(&share).then_some(share).ok_or_else(|| "must be a number from 0 to 1".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("http://collector:4318", Some("http://collector:4318/v1/traces"))]
    #[case("https://collector/", Some("https://collector/v1/traces"))]
    #[case("https://collector/otlp/v1/traces", Some("https://collector/otlp/v1/traces"))]
    #[case("collector:4318", None)]
    #[case("grpc://collector:4317", None)]
    fn a_collector_is_a_url_of_http(#[case] text: &str, #[case] expected: Option<&str>) {
        assert_eq!(collector(text).ok().as_ref().map(Url::as_str), expected);
    }

    #[rstest]
    #[case("0.25", Some(0.25))]
    #[case("1", Some(1.0))]
    #[case("1.5", None)]
    #[case("NaN", None)]
    #[case("all", None)]
    fn a_share_is_from_nothing_to_all(#[case] text: &str, #[case] expected: Option<f64>) {
        assert_eq!(share(text).ok(), expected);
    }
}
