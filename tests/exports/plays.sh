#!/bin/sh
# A log in the format of Last.fm's: user, artist's id, artist's name and plays, with tabs
# between them and no header.
set -eu
melu import lastfm plays.tsv artists
melu train artists -o artists.melu
melu eval artists.melu artists
