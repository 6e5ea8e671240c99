"""Writes the export of a bookshop that never was into a folder: readers, books and reviews."""

import pathlib
import random
import sys

READERS, BOOKS = 600, 200
GENRES = ["crime", "fantasy", "history", "poetry", "romance", "science", "travel"]
ADJECTIVES = ["Blue", "Broken", "Hidden", "Last", "Long", "Northern", "Open", "Quiet", "Second", "Small"]
NOUNS = ["Bridge", "Clock", "Garden", "Harbour", "Island", "Kitchen", "Ladder", "Lantern", "Letter", "Map"]
NOUNS += ["Mirror", "Orchard", "Road", "River", "Room", "Sea", "Stair", "Tower", "Window", "Winter"]
COUNTRIES = ["AT", "CH", "DE", "NL"]
AGES = ["16-24", "25-34", "35-49", "50-64", "65+", "NULL"]


def write(folder, name, header, rows):
    text = "".join(";".join(row) + "\n" for row in [header, *rows])
    (folder / name).write_text(text, encoding="utf-8")


def main(folder):
    folder.mkdir(parents=True)
    chance = random.Random(2026)
    titles = [f"The {adjective} {noun}" for adjective in ADJECTIVES for noun in NOUNS]
    chance.shuffle(titles)
    genres = [chance.sample(GENRES, chance.choice([1, 1, 2])) for _ in range(BOOKS)]
    quality = [chance.gauss(0, 0.4) for _ in range(BOOKS)]
    known = [1 / (1 + chance.random() * 9) for _ in range(BOOKS)]
    books = []
    for book in range(BOOKS):
        year = str(chance.randrange(1960, 2026))
        price = f"{2 ** chance.gauss(4, 1):.2f}".replace(".", ",")
        books.append((f"b{book + 1}", titles[book], "|".join(genres[book]), year, price))
    write(folder, "books.csv", ("book_id", "title", "genres", "year", "price"), books)

    readers, reviews = [], []
    for reader in range(READERS):
        age = chance.randrange(len(AGES))
        readers.append((f"r{reader + 1}", chance.choice(COUNTRIES), AGES[age]))
        # People of an age have tastes in common, and each has tastes of their own.
        taste = {genre: chance.gauss(0, 1) for genre in GENRES}
        taste[GENRES[age]] += 1
        liking = [
            quality[book] + sum(taste[genre] for genre in genres[book]) / len(genres[book])
            for book in range(BOOKS)
        ]
        # They mostly buy what they will like and know of.
        weights = [known[book] * 2.718 ** (1.5 * liking[book]) for book in range(BOOKS)]
        bought = set(chance.choices(range(BOOKS), weights, k=chance.randrange(30, 70)))
        bias = chance.gauss(3, 0.3)
        for book in sorted(bought):
            stars = min(5, max(1, round(bias + 0.7 * liking[book] + chance.gauss(0, 0.6))))
            month, day, hour = chance.randrange(1, 13), chance.randrange(1, 29), chance.randrange(24)
            time = f"2025-{month:02}-{day:02}T{hour:02}:00:00+01:00"
            reviews.append((f"r{reader + 1}", f"b{book + 1}", str(stars), time))
    reviews.sort(key=lambda row: row[3])
    write(folder, "readers.csv", ("reader_id", "country", "age"), readers)
    write(folder, "reviews.csv", ("reader_id", "book_id", "stars", "reviewed_at"), reviews)


main(pathlib.Path(sys.argv[1]))
