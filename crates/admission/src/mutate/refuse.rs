//! When a workload is refused: its image can't come later, or it wants none but Tags and full references.

use tagger_api::annotations::Mode;
use tagger_core::reference::{Reference, Registry};
use tagger_core::rewrite::{Rewritten, Slot};

use crate::answer::Refusal;
use crate::workload::Workload;

/// Why a workload is refused, if it is.
pub fn refusal(workload: &Workload, rewritten: &Rewritten) -> Option<Refusal> {
    let slots = || workload.places.iter().map(|place| &place.slot);
    if !workload.kind.rolls_out()
        && let Some(tag) = slots().find_map(|slot| rewritten.pending.get(&slot.name))
    {
        return Some(Refusal::forbidden(no_generation(workload, tag)));
    }
    let wrong: Vec<String> = slots()
        .filter(|slot| is_refused(workload, slot, rewritten))
        .map(|slot| no_registry(workload, slot))
        .collect();
    let why = || {
        let (_, kind, _) = workload.kind.names();
        let name = &workload.name;
        format!("{kind} {name} is annotated image-tag: \"strict\", but {}", wrong.join("; and "))
    };
    (!wrong.is_empty()).then(|| Refusal::forbidden(why()))
}

/// Whether a slot's image is refused because the workload is strict. What is stored already never is: an object can
/// always be edited in other places.
pub fn is_refused(workload: &Workload, slot: &Slot, rewritten: &Rewritten) -> bool {
    !workload.before().is_some_and(|before| before.had(slot))
        && workload.mode == Mode::Strict
        && !rewritten.follows.contains_key(&slot.name)
        && !slot.image.parse::<Reference>().is_ok_and(|reference| reference.registry().is_some())
}

fn no_generation(workload: &Workload, tag: &str) -> String {
    let Workload { namespace, name, .. } = workload;
    let (_, kind, _) = workload.kind.names();
    format!(
        "Tag {namespace}/{tag} has no generation yet, so {kind} {name} can't be given an image: wait for it with \
         `kubectl wait --for=condition=Ready tag/{tag} -n {namespace}` and create it again"
    )
}

fn no_registry(workload: &Workload, slot: &Slot) -> String {
    let Slot { name, image } = slot;
    let namespace = &workload.namespace;
    let full = match (image.parse::<Reference>(), "docker.io".parse::<Registry>()) {
        (Ok(reference), Ok(registry)) => format!(", such as {}", reference.at(&registry)),
        _ => String::new(),
    };
    format!(
        "the image {image:?} of {name} is neither a Tag of namespace {namespace} nor a reference with a registry: \
         create Tag {namespace}/{image}, or write the image with its registry{full}"
    )
}
