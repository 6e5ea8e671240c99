#!/bin/sh
# MovieLens latest-small, as it is unpacked, in the folder `ml-latest-small`.
set -eu
melu import movielens ml-latest-small films
melu train films -o films.melu
melu eval films.melu films
