#!/usr/bin/env bash
# Shows a plan of membership changes on a pull request, and applies it after the approval.
#
#   bash examples/pull_request_flow.sh show plans/leavers.json
#   bash examples/pull_request_flow.sh apply plans/leavers.json DIGEST
#
# pull_request_flow.md explains it. Site and credentials come from the environment, as for every command.
set -euo pipefail

usage() {
  sed -n '2,5s/^# *//p' "${BASH_SOURCE[0]}" >&2
  exit 2
}

(($# >= 2)) || usage
plan=$2
case $1 in
  show) # reads only: the reader's credentials are enough
    confluence-groups plan show "$plan"
    confluence-groups plan show "$plan" --html "${plan%.json}.html" --force
    confluence-groups apply "$plan" --dry-run
    ;;
  apply) # the journal next to the plan is the record; with it, the same command continues an interrupted run
    (($# == 3)) || usage
    confluence-groups apply "$plan" --expect-digest "$3" --yes
    confluence-groups journal verify "${plan%.json}.journal"
    ;;
  *) usage ;;
esac
