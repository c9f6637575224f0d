//! `kubectl tag generate`.
//!
//! Files become [`source`]s, those are read to [`object`]s with their places in the text ([`yaml`]), whose images ([`place`]) can be
//! followed or not ([`verdict`]). The [`plan`] says which Tags there should be, under which names ([`naming`]); [`rewrite`] puts them
//! in place of the images. No cluster is asked.

mod naming;
mod object;
mod output;
mod place;
mod plan;
mod rewrite;
mod source;
mod verdict;
mod yaml;

use clap::Args;
use tagger_api::Tag;

use crate::Exit;
use crate::arguments::{Form, OutputFlag};
use crate::problem::Problem;
use crate::screen::Screen;
use crate::session::Session;
use plan::{Manifests, Note, Plan};
use source::Source;

/// Makes Tags for the images of manifests.
#[derive(Clone, Debug, Args)]
pub struct Generate {
    /// A file or a folder of manifests, or - for standard input; may be repeated
    #[arg(long = "filename", short = 'f', value_name = "FILE", required = true)]
    pub files: Vec<std::path::PathBuf>,

    /// Look for manifests in folders within folders as well
    #[arg(long, short = 'R')]
    pub recursive: bool,

    /// Print the manifests as well, changed to name the Tags
    #[arg(long)]
    pub rewrite: bool,

    /// Mirror every generation of the Tags into the cache registry
    #[arg(long)]
    pub cache: bool,

    /// Begin the Tags at generation 0, so that a person upgrades; else they follow by themselves
    #[arg(long)]
    pub numbered: bool,

    /// The form of the output.
    #[command(flatten)]
    pub output: OutputFlag,
}

impl Generate {
    pub(crate) async fn run(&self, session: &Session) -> Result<Exit, Problem> {
        let form = self.form()?;
        let sources = source::read(&self.files, self.recursive)?;
        let manifests = read(&sources)?;
        let plan = plan::plan(&manifests, session.flags.namespace.as_deref());
        let tags: Vec<Tag> =
            plan.tags.iter().map(|wanted| output::tag(wanted, self.cache, self.numbered)).collect();
        let (texts, kept) = match self.rewrite {
            true => rewritten(&plan, &manifests)?,
            false => Default::default(),
        };
        let mut notes = [plan.notes, kept].concat();
        notes.sort();
        for note in notes {
            session.screen.note(note);
        }
        if tags.is_empty() {
            session.screen.note("no image needs a new Tag");
        }
        print(session.screen, form, tags, texts)?;
        Ok(Exit::Done)
    }

    /// Manifests that are rewritten keep their form, so the Tags come before them in YAML.
    fn form(&self) -> Result<Form, Problem> {
        match self.output.form {
            Some(Form::Wide) => Err(Problem::Invalid(
                "generate prints manifests, which have no wide form".to_owned(),
                Some("-o yaml, -o json or -o name".to_owned()),
            )),
            Some(Form::Json | Form::Name) if self.rewrite => Err(Problem::Invalid(
                "manifests that are rewritten keep their form, which goes with -o yaml only".to_owned(),
                Some("leave out -o, or --rewrite".to_owned()),
            )),
            form => Ok(form.unwrap_or(Form::Yaml)),
        }
    }
}

/// Reads all sources. All that is wrong with them is told at once.
fn read(sources: &[Source]) -> Result<Vec<Manifests<'_>>, Problem> {
    let (mut manifests, mut flaws, mut is_template) = (Vec::new(), Vec::new(), false);
    for source in sources {
        match plan::read(source) {
            Ok(read) => manifests.push(read),
            Err(flaw) => {
                is_template |= source.text.contains("{{");
                flaws
                    .push(format!("{}:{}: document {}: {}", source.name, flaw.line, flaw.document, flaw.why));
            }
        }
    }
    if flaws.is_empty() {
        return Ok(manifests);
    }
    let next = match is_template {
        true => "render the chart first: helm template CHART | kubectl tag generate -f -",
        false => "kubectl apply --dry-run=client -f FILE shows what kubectl thinks of it",
    };
    Err(Problem::Invalid(flaws.join("\n"), Some(next.to_owned())))
}

/// The texts of all manifests with their Tags, and which images stay.
fn rewritten(plan: &Plan, manifests: &[Manifests<'_>]) -> Result<(Vec<String>, Vec<Note>), Problem> {
    let (mut texts, mut kept) = (Vec::new(), plan.late.clone());
    for (file, manifests) in manifests.iter().enumerate() {
        let rewritten = rewrite::rewrite(plan, file, manifests)?;
        texts.push(rewritten.text);
        kept.extend(rewritten.notes);
    }
    Ok((texts, kept))
}

/// The text of one file with its Tags, or why there is none.
#[cfg(feature = "fuzzing")]
pub fn rewritten_text(text: &str) -> Result<String, String> {
    let source = Source::new("fuzz.yaml", text);
    let manifests = [plan::read(&source).map_err(|flaw| flaw.why)?];
    let plan = plan::plan(&manifests, None);
    let rewritten = rewrite::rewrite(&plan, 0, &manifests[0]).map_err(|problem| problem.to_string())?;
    Ok(rewritten.text)
}

fn print(screen: Screen, form: Form, tags: Vec<Tag>, texts: Vec<String>) -> Result<(), Problem> {
    match form {
        Form::Json => screen.document(Form::Json, &output::List::of(tags))?,
        Form::Name => {
            for tag in &tags {
                screen
                    .line(format_args!("tag.images.io/{}", tag.metadata.name.as_deref().unwrap_or_default()));
            }
        }
        Form::Yaml | Form::Wide => {
            screen.text(&output::joined(output::documents(&tags)?.into_iter().chain(texts)));
        }
    }
    Ok(())
}
