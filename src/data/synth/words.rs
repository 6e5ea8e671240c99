//! Generated names.

use rand::Rng;
use rand::seq::SliceRandom;

pub(super) const GENRES: [&str; 12] = [
    "adventure",
    "animation",
    "comedy",
    "crime",
    "documentary",
    "drama",
    "fantasy",
    "horror",
    "musical",
    "mystery",
    "romance",
    "science fiction",
];
pub(super) const STUDIOS: [&str; 20] = [
    "Amber Lane",
    "Blue Heron",
    "Candlewick",
    "Driftwood",
    "Evergreen",
    "Fernhill",
    "Glasshouse",
    "Hollow Oak",
    "Inkwell",
    "Juniper",
    "Kestrel",
    "Lanternlight",
    "Millstone",
    "Northgate",
    "Old Harbour",
    "Paper Boat",
    "Quarry Road",
    "Red Kite",
    "Silver Birch",
    "Tidewater",
];
pub(super) const COUNTRIES: [&str; 8] =
    ["Aldovia", "Brenland", "Corvania", "Dravia", "Estmark", "Feldora", "Galmar", "Hestria"];
pub(super) const AGES: [&str; 6] = ["under 18", "18-24", "25-34", "35-49", "50-64", "65 and over"];
pub(super) const OCCUPATIONS: [&str; 12] = [
    "artist",
    "builder",
    "clerk",
    "cook",
    "driver",
    "engineer",
    "farmer",
    "nurse",
    "retired",
    "shopkeeper",
    "student",
    "teacher",
];
pub(super) const REGIONS: [&str; 8] =
    ["coast", "east", "highlands", "islands", "lakes", "north", "south", "west"];

const ADJECTIVES: [&str; 40] = [
    "Amber",
    "Bitter",
    "Borrowed",
    "Broken",
    "Burning",
    "Copper",
    "Crooked",
    "Distant",
    "Early",
    "Empty",
    "Endless",
    "Faded",
    "Forgotten",
    "Frozen",
    "Gentle",
    "Gilded",
    "Hidden",
    "Hollow",
    "Hungry",
    "Idle",
    "Last",
    "Little",
    "Lonely",
    "Lost",
    "Lucky",
    "Midnight",
    "Narrow",
    "Paper",
    "Patient",
    "Quiet",
    "Restless",
    "Second",
    "Secret",
    "Silent",
    "Silver",
    "Sleeping",
    "Stolen",
    "Sudden",
    "Velvet",
    "Wandering",
];
const NOUNS: [&str; 50] = [
    "Anchor",
    "Archive",
    "Avenue",
    "Bakery",
    "Bridge",
    "Caravan",
    "Carnival",
    "Cartographer",
    "Castle",
    "Chorus",
    "Clockmaker",
    "Compass",
    "Country",
    "Detective",
    "Echo",
    "Emperor",
    "Festival",
    "Garden",
    "Ghost",
    "Harbour",
    "Horizon",
    "Hotel",
    "Island",
    "Journey",
    "Kingdom",
    "Lantern",
    "Letter",
    "Library",
    "Lighthouse",
    "Machine",
    "Market",
    "Meadow",
    "Melody",
    "Mirror",
    "Mountain",
    "Orchard",
    "Painter",
    "Passenger",
    "Promise",
    "Queen",
    "River",
    "Scholar",
    "Season",
    "Shadow",
    "Station",
    "Stranger",
    "Summer",
    "Theatre",
    "Violin",
    "Winter",
];
const ENDINGS: [&str; 20] = [
    "",
    " Returns",
    " at Dawn",
    " of the North",
    " in Winter",
    " by the Sea",
    " and the Fox",
    " Reborn",
    " at War",
    " of Glass",
    " on Trial",
    " in Love",
    " Unmasked",
    " of the South",
    " and the Owl",
    " at Midsummer",
    " in Exile",
    " Remembered",
    " of Stone",
    " Goes Home",
];

/// Different titles.
pub(super) fn titles(count: usize, rng: &mut impl Rng) -> Vec<String> {
    let mut pairs: Vec<(&str, &str)> = ADJECTIVES
        .iter()
        .flat_map(|&adjective| NOUNS.iter().map(move |&noun| (adjective, noun)))
        .collect();
    pairs.shuffle(rng);
    // Plain titles come first, then the same titles with an ending, and then with a number.
    let parts = 1..;
    let titles = parts.flat_map(|part| {
        let pairs = &pairs;
        ENDINGS.iter().flat_map(move |ending| {
            pairs.iter().map(move |(adjective, noun)| match part {
                1 => format!("The {adjective} {noun}{ending}"),
                _ => format!("The {adjective} {noun}{ending} {part}"),
            })
        })
    });
    titles.take(count).collect()
}
