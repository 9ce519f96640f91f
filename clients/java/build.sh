#!/bin/sh
# Compiles the client, its tests and its examples with nothing but a JDK and the jars below.
#
#   ./build.sh DIRECTORY    puts the classes into DIRECTORY/main, DIRECTORY/test and DIRECTORY/examples
#
# GSON and JUNIT say where the jars are, by default where Debian's libgoogle-gson-java and junit5 put them.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
out=${1:?where to}
jars=/usr/share/java
gson=${GSON:-$jars/gson.jar}
junit=${JUNIT:-$jars/junit-jupiter-api.jar:$jars/junit-platform-commons.jar:$jars/opentest4j.jar:$jars/apiguardian-api.jar}

# compile NAME CLASSPATH SOURCES; the compiler's optimiser would cost more than it saves
compile() {
    find "$3" -name '*.java' >"$out/$1.sources"
    javac -J-XX:TieredStopAtLevel=1 -J-XX:+UseSerialGC --release 17 -encoding UTF-8 -proc:none \
        -Xlint:all -Werror -cp "$2" -d "$out/$1" "@$out/$1.sources"
}

mkdir -p "$out"
compile main "$gson" "$here/src/main/java"
compile test "$out/main:$gson:$junit" "$here/src/test/java"
compile examples "$out/main:$gson" "$here/examples"
