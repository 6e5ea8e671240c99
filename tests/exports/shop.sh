#!/bin/sh
# A shop's export in the folder `shop`: events.csv with semicolons and times in ISO 8601,
# products.csv and customers.csv.
set -eu
melu init shop
melu train shop -o shop.melu
melu eval shop.melu shop
