# Runs Mosquitto once the exchange has written who may log in, and lets it read that again whenever it changes.
set -eu
lists="/srv/broker/passwords /srv/broker/rights"
until [ -f /srv/broker/passwords ] && [ -f /srv/broker/rights ]; do sleep 1; done
mosquitto -c /mosquitto/config/mosquitto.conf &
broker=$!
trap 'kill "$broker"' INT TERM
before=$(cat $lists | cksum)
while kill -0 "$broker" 2>/dev/null; do
  now=$(cat $lists | cksum)
  if [ "$now" != "$before" ]; then
    kill -HUP "$broker"
    before=$now
  fi
  sleep 1
done
wait "$broker"
