{{/* What objects are called, and labelled with. */}}

{{- define "tagger.name" -}}
{{- .Values.fullnameOverride | default "tagger" | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- define "tagger.account" -}}
{{- .Values.serviceAccount.name | default (include "tagger.name" .) -}}
{{- end -}}

{{- define "tagger.selector" -}}
app.kubernetes.io/name: tagger
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "tagger.release" -}}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "tagger.labels" -}}
{{ include "tagger.selector" . }}
{{ include "tagger.release" . }}
{{- end -}}

{{- define "tagger.annotations" -}}
{{- with .Values.commonAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* The metadata of an object: (list $ NAME), with its NAMESPACE where it has one, and the COMPONENT of it. */}}
{{- define "tagger.metadata" -}}
{{- $root := index . 0 -}}
name: {{ index . 1 }}
{{- if gt (len .) 2 }}
namespace: {{ index . 2 }}
{{- end }}
labels:
  {{- include "tagger.labels" $root | nindent 2 }}
  {{- if gt (len .) 3 }}
  app.kubernetes.io/component: {{ index . 3 }}
  {{- end }}
{{- include "tagger.annotations" $root }}
{{- end -}}

{{/* The name of an image, the digest before the tag: (list $ IMAGE TAG). */}}
{{- define "tagger.image" -}}
{{- $root := index . 0 -}}
{{- $image := index . 1 -}}
{{- $repository := $image.repository -}}
{{- with ($root.Values.global).imageRegistry -}}
{{- $repository = printf "%s/%s" (trimSuffix "/" .) (regexReplaceAll "^[^/]+/" $image.repository "") -}}
{{- end -}}
{{- if $image.digest -}}
{{ $repository }}@{{ $image.digest }}
{{- else -}}
{{ $repository }}:{{ $image.tag | default (index . 2) }}
{{- end -}}
{{- end -}}

{{- define "tagger.pullSecrets" -}}
{{- with concat (($.Values.global).imagePullSecrets | default list) .Values.imagePullSecrets }}
imagePullSecrets:
{{- range . }}
- name: {{ if kindIs "string" . }}{{ . }}{{ else }}{{ .name }}{{ end }}
{{- end }}
{{- end }}
{{- end -}}
