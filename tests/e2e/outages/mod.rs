//! What a cluster goes through: upgrades, outages, faults of the API, removal. Each heals with no person.

mod absence;
mod api_faults;
mod clocks;
mod control_plane;
mod deletion;
mod ground;
mod kills;
mod leaders;
mod uninstall;
mod upgrades;
