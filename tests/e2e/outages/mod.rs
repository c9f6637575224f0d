//! What a cluster goes through: upgrades, outages, faults of the API, removal. Each heals with no person.

mod api_faults;
mod ground;
mod upgrades;
