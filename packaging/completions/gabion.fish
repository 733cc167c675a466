# SPDX-License-Identifier: Apache-2.0
# fish completion for gabion

set -l commands up down status ps events settings policy doctor unshare migrate

complete -c gabion -f
complete -c gabion -n "not __fish_seen_subcommand_from $commands" -l help -d 'What there is'
complete -c gabion -n "not __fish_seen_subcommand_from $commands" -l version -d 'Print the version'
complete -c gabion -n "not __fish_seen_subcommand_from $commands" -a up -d 'Start an engine of our own under a folder'
complete -c gabion -n "not __fish_seen_subcommand_from $commands" -a down -d 'Stop a private instance and take it away'
complete -c gabion -n "not __fish_seen_subcommand_from $commands" -a status -d 'What is on, what is wrong, what to do'
complete -c gabion -n "not __fish_seen_subcommand_from $commands" -a ps -d 'Containers with their id ranges'
complete -c gabion -n "not __fish_seen_subcommand_from $commands" -a events -d 'The audit log'
complete -c gabion -n "not __fish_seen_subcommand_from $commands" -a settings -d 'The settings in force, errors in a file'
complete -c gabion -n "not __fish_seen_subcommand_from $commands" -a policy -d 'A commandList by what was seen'
complete -c gabion -n "not __fish_seen_subcommand_from $commands" -a doctor -d 'What this host can do'
complete -c gabion -n "not __fish_seen_subcommand_from $commands" -a unshare -d 'A shell for what your containers left'
complete -c gabion -n "not __fish_seen_subcommand_from $commands" -a migrate -d 'Give files to the containers of a user'
complete -c gabion -n "__fish_seen_subcommand_from up down status ps events settings policy doctor" -l state-dir -r -a '(__fish_complete_directories)' -d 'The private instance in DIR'
complete -c gabion -n "__fish_seen_subcommand_from $commands" -l help -d 'What the command takes'
complete -c gabion -n "__fish_seen_subcommand_from up" -s d -l detach -d 'Return when it is ready'
complete -c gabion -n "__fish_seen_subcommand_from ps" -s a -l all -d 'Also those that stopped'
complete -c gabion -n "__fish_seen_subcommand_from status ps events settings policy doctor" -l json -d 'Print JSON'
complete -c gabion -n "__fish_seen_subcommand_from events" -s f -l follow -d 'Wait for more'
complete -c gabion -n "__fish_seen_subcommand_from events policy" -l since -x -d 'From then on'
complete -c gabion -n "__fish_seen_subcommand_from policy" -l container -x -d 'Of this container'
complete -c gabion -n "__fish_seen_subcommand_from policy" -a suggest -d 'The narrowest commandList'
complete -c gabion -n "__fish_seen_subcommand_from settings" -F -a 'list get validate schema'
complete -c gabion -n "__fish_seen_subcommand_from unshare migrate" -l user -x -a '(__fish_complete_users)' -d 'The user who is meant'
complete -c gabion -n "__fish_seen_subcommand_from migrate" -a '(__fish_complete_directories)'
