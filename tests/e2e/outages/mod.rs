//! What a cluster goes through: upgrades, outages, faults of the API, removal. Each heals with no person.

mod api_faults;
mod control_plane;
mod ground;
mod upgrades;
