// The editor: CodeMirror with Python's colours and the findings as marks.
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { python } from "@codemirror/lang-python";
import { bracketMatching, indentOnInput, indentUnit, syntaxHighlighting } from "@codemirror/language";
import { lintGutter, lintKeymap, setDiagnostics } from "@codemirror/lint";
import { EditorState } from "@codemirror/state";
import { EditorView, drawSelection, highlightActiveLine, keymap, lineNumbers } from "@codemirror/view";
import { classHighlighter } from "@lezer/highlight";

export function editor(parent, text, changed) {
  return new EditorView({
    parent,
    state: EditorState.create({
      doc: text,
      extensions: [
        lineNumbers(),
        lintGutter(),
        history(),
        drawSelection(),
        indentOnInput(),
        indentUnit.of("    "),
        bracketMatching(),
        highlightActiveLine(),
        python(),
        syntaxHighlighting(classHighlighter),
        // Tab leaves the editor, as the keyboard's reader expects it.
        keymap.of([...defaultKeymap, ...historyKeymap, ...lintKeymap]),
        EditorView.contentAttributes.of({ "aria-label": "Python code" }),
        EditorView.updateListener.of((update) => update.docChanged && changed()),
      ],
    }),
  });
}

export function replace(view, text) {
  view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: text } });
}

// Mark each finding from its column to the end of its line.
export function mark(view, findings) {
  const { doc } = view.state;
  const marks = findings
    .filter((finding) => finding.line <= doc.lines)
    .map((finding) => {
      const line = doc.line(finding.line);
      const from = Math.min(line.from + finding.column, line.to);
      return { from, to: line.to, severity: "warning", source: finding.code, message: finding.message };
    });
  view.dispatch(setDiagnostics(view.state, marks));
}

export function go(view, number) {
  const line = view.state.doc.line(Math.min(number, view.state.doc.lines));
  view.dispatch({ selection: { anchor: line.from }, scrollIntoView: true });
  view.focus();
}
