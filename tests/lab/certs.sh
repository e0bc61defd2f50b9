#!/bin/bash
# certs.sh DIR HOST...: a CA of the lab, and one certificate of it for each host.
set -e
dir=$1; shift
rm -rf "$dir"; mkdir -p "$dir"; chmod 700 "$dir"; cd "$dir"
openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -subj "/O=mailtui lab/CN=mailtui lab CA" -keyout ca.key -out ca.crt
for host in "$@"; do
    openssl req -newkey rsa:2048 -nodes -subj "/O=mailtui lab/CN=$host.lab.test" -keyout "$host.key" -out "$host.csr"
    openssl x509 -req -in "$host.csr" -CA ca.crt -CAkey ca.key -CAcreateserial -days 825 -out "$host.crt" \
        -extfile <(printf 'basicConstraints=CA:FALSE\nsubjectAltName=DNS:%s.lab.test,DNS:%s\n' "$host" "$host")
    rm "$host.csr"
done
echo "$@" >hosts
