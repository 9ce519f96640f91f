#!/bin/sh
# Compiles the client, its tests and its examples with nothing but a JDK and the jars below.
#
#   ./build.sh DIRECTORY    puts the classes into DIRECTORY/main, DIRECTORY/test and DIRECTORY/examples
#
# GSON and JUNIT say where the jars are, by default where Debian's libgoogle-gson-java and junit5 put them.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
out=${1:?where to}
gson=${GSON:-/usr/share/java/gson.jar}
junit=${JUNIT:-/usr/share/java/junit-jupiter-api.jar:/usr/share/java/junit-platform-commons.jar:/usr/share/java/opentest4j.jar:/usr/share/java/apiguardian-api.jar}

# compile NAME CLASSPATH SOURCES
compile() {
    find "$3" -name '*.java' >"$out/$1.sources"
    javac --release 17 -Xlint:all -Werror -encoding UTF-8 -cp "$2" -d "$out/$1" "@$out/$1.sources"
}

mkdir -p "$out"
compile main "$gson" "$here/src/main/java"
compile test "$out/main:$gson:$junit" "$here/src/test/java"
compile examples "$out/main:$gson" "$here/examples"
