/**
 * What a shell runs to complete a line: it asks the command itself, so that it never is behind. The first line of the answer
 * is `words` or `files`; then a candidate on each, and after a tab what it is.
 */
export const SHELLS = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof SHELLS)[number];

/** For both names of the command, whichever it was called by. */
export function completionScript(shell: Shell): string {
  return SCRIPTS[shell];
}

const SCRIPTS: Readonly<Record<Shell, string>> = {
  bash: `# ocicat completion for bash: source <(ocicat completion bash)
_ocicat_complete() {
  local -a answer
  mapfile -t answer < <("$1" __complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
  COMPREPLY=()
  if [[ \${answer[0]} == files ]]; then
    compopt -o default
    return
  fi
  local line
  for line in "\${answer[@]:1}"; do COMPREPLY+=("\${line%%$'\\t'*}"); done
}
complete -F _ocicat_complete ocicat calicoctl
`,
  zsh: `#compdef ocicat calicoctl
# ocicat completion for zsh: source <(ocicat completion zsh), after compinit
_ocicat_complete() {
  local -a answer candidates
  local line
  answer=("\${(@f)$("\${words[1]}" __complete -- "\${(@)words[2,$CURRENT]}" 2>/dev/null)}")
  if [[ \${answer[1]} == files ]]; then
    _files
    return
  fi
  for line in "\${(@)answer[2,-1]}"; do
    # _describe parts word and description at the first colon that has no backslash.
    candidates+=("\${\${line%%$'\\t'*}//:/\\\\:}\${\${(M)line%$'\\t'*}/$'\\t'/:}")
  done
  _describe -t ocicat ocicat candidates
}
compdef _ocicat_complete ocicat calicoctl
# Found as the function _ocicat on zsh's own search path, it is run for the line at hand.
if [[ \${funcstack[1]} == _ocicat ]]; then _ocicat_complete "$@"; fi
`,
  fish: `# ocicat completion for fish: ocicat completion fish | source
function __ocicat_complete
    set -l typed (commandline -opc)
    set -l name $typed[1]
    set -e typed[1]
    set -l answer ($name __complete -- $typed (commandline -ct) 2>/dev/null)
    switch "$answer[1]"
        case files
            __fish_complete_path (commandline -ct)
        case words
            set -e answer[1]
            string join -- \\n $answer
    end
end
complete -c ocicat -f -a '(__ocicat_complete)'
complete -c calicoctl -f -a '(__ocicat_complete)'
`,
};
