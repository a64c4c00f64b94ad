#!/bin/bash
# smoke.sh COMMAND: the images behave like the official ones (entrypoints, VOLUME ownership, persistence across containers).
# COMMAND is the engine's command line up to the verb, one string: smoke.sh "stead --root /x", smoke.sh "docker -H unix:///x.sock". The images are loaded already.
O=$(mktemp) M=$(mktemp -d); trap 'rm -rf "$O" "$M"' EXIT; D=${1:?usage: smoke.sh COMMAND}; P=0; F=0; ok(){ if eval "$2" >$O 2>&1; then P=$((P+1)); echo "ok $1"; else F=$((F+1)); echo "FAIL $1"; tail -5 $O; fi; }
c(){ $D rm -fv sm_$1 >/dev/null 2>&1; }; w(){ for i in $(seq 100); do eval "$1" >/dev/null 2>&1 && return 0; sleep .3; done; return 1; }
for x in r p m n; do c $x; $D volume rm sm_$x >/dev/null 2>&1; done
ok hello "$D run --rm hello-world | grep -q 'Hello from Docker'"
ok busybox "[ \"\$($D run --rm busybox id -u)\" = 0 ]"
ok alpine "$D run --rm alpine:3.10 cat /etc/alpine-release"
ok redis-up "$D run -d --name sm_r -v sm_r:/data redis --appendonly yes && w '$D exec sm_r redis-cli ping | grep PONG'"
ok redis-set "$D exec sm_r redis-cli set k v && $D exec sm_r redis-cli bgsave; $D exec sm_r sh -c 'stat -c %u:%g /data' | grep 999:"
ok redis-uid "$D exec sm_r sh -c 'grep Uid /proc/1/status' | grep 999"
ok redis-persist "c r; $D run -d --name sm_r -v sm_r:/data redis --appendonly yes && w '$D exec sm_r redis-cli get k | grep v'"
ok pg-up "$D run -d --name sm_p -e POSTGRES_PASSWORD=x -v sm_p:/var/lib/postgresql/data postgres && w '$D exec sm_p pg_isready -h 127.0.0.1'"
ok pg-sql "$D exec sm_p psql -U postgres -c 'create table t as select generate_series(1,1000) i'"
ok pg-own "$D exec sm_p stat -c %u:%a /var/lib/postgresql/data | grep 999:700"
ok pg-persist "c p; $D run -d --name sm_p -e POSTGRES_PASSWORD=x -v sm_p:/var/lib/postgresql/data postgres && w '$D exec sm_p psql -U postgres -tc \"select count(*) from t\" | grep 1000'"
ok maria-up "$D run -d --name sm_m -e MARIADB_ROOT_PASSWORD=pw -e MARIADB_DATABASE=app -v sm_m:/var/lib/mysql mariadb && w '$D exec sm_m mariadb -uroot -ppw -h127.0.0.1 -e \"select 1\" app'"
ok maria-sql "$D exec sm_m mariadb -uroot -ppw -e 'create table t(i int); insert into t values(7)' app"
ok maria-persist "c m; $D run -d --name sm_m -v sm_m:/var/lib/mysql mariadb && w '$D exec sm_m mariadb -uroot -ppw -e \"select i from t\" app | grep 7'"
ok nginx-up "$D run -d --name sm_n nginx && w '$D exec sm_n wget -qO- http://127.0.0.1/ | grep Welcome'"
ok nginx-bind "c n; mkdir -p $M && chmod 755 $M && echo hi-bind >$M/index.html && $D run -d --name sm_n --mount type=bind,source=$M,target=/usr/share/nginx/html,readonly nginx && w '$D exec sm_n wget -qO- http://127.0.0.1/ | grep hi-bind'"
ok nginx-prepop "c n; $D run -d --name sm_n -v sm_n:/usr/share/nginx/html nginx && w '$D exec sm_n wget -qO- http://127.0.0.1/ | grep Welcome'"
ok layers-whiteout "[ \"\$($D run --rm --entrypoint '' layers sh -c 'cat /keep/a /keep/b; ls /opq /gone; id -u; pwd; stat -c %u:%g:%a /vol/seed; ls -la /suid | cut -c1-10' | tr -s '\n' ' ')\" = 'a2 b /gone: /opq: new 1234 /work/dir 1234:4321:750 -rwsr-xr-x ' ]"
ok debian "$D run --rm debian:bookworm-slim bash -c 'dpkg -l bash | tail -1'"
for x in r p m n; do c $x; $D volume rm sm_$x >/dev/null 2>&1; done
echo "$P passed, $F failed, 0 skipped"
[ "$F" = 0 ]
