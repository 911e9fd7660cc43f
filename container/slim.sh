#!/bin/sh
# Takes out of the image what builds, documents or tests, and compiles the standard library, which slim images leave out.
set -eu

stdlib=$(python3 -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')
rm -rf /var/lib/apt/lists /var/cache/apt /var/cache/debconf /var/cache/ldconfig /var/log/apt /var/log/dpkg.log /tmp/slim.sh
rm -rf /usr/share/doc /usr/share/man /usr/share/info /usr/share/locale /usr/share/lintian /usr/share/git-core/contrib
rm -rf /usr/share/bash-completion /usr/share/zoneinfo /usr/share/perl* /usr/lib/*-linux-gnu/perl* /usr/bin/perl*
rm -rf "$stdlib"/test "$stdlib"/ensurepip "$stdlib"/idlelib "$stdlib"/lib2to3 "$stdlib"/tkinter "$stdlib"/turtledemo
rm -rf "$stdlib"/site-packages/pip* "$stdlib"/site-packages/setuptools* "$stdlib"/site-packages/wheel*
find "$stdlib" -name '__pycache__' -prune -exec rm -rf {} +
python3 -m compileall -q --invalidation-mode unchecked-hash "$stdlib" || true
